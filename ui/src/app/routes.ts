/** Every page: path, title, required scope and module. */
import type { Component } from 'svelte';
import { match } from './router.svelte';

// Pages take the parameters of their path as props.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Page = Component<any>;

export interface Route {
  path: string;
  title: string;
  /** Shown without a session and without the frame. */
  outside?: boolean;
  /** The scope that the page requires; none for pages of every signed-in person. */
  needs?: string;
  page: () => Promise<{ default: Page }>;
}

export const routes: Route[] = [
  { path: '/', title: 'Overview', needs: 'activity:read', page: () => import('../pages/overview/Overview.svelte') },
  { path: '/keys', title: 'API keys', page: () => import('../pages/keys/Keys.svelte') },
  { path: '/keys/:id', title: 'API key', page: () => import('../pages/keys/KeyPage.svelte') },
  { path: '/activity', title: 'Activity', needs: 'activity:read', page: () => import('../pages/activity/Activity.svelte') },
  { path: '/apis', title: 'APIs', needs: 'apis:read', page: () => import('../pages/apis/Apis.svelte') },
  { path: '/apis/:id', title: 'API', needs: 'apis:read', page: () => import('../pages/apis/ApiPage.svelte') },
  { path: '/apps', title: 'OAuth apps', needs: 'clients:read', page: () => import('../pages/apps/Apps.svelte') },
  { path: '/apps/:id', title: 'OAuth app', needs: 'clients:read', page: () => import('../pages/apps/AppPage.svelte') },
  { path: '/team', title: 'Team', needs: 'team:read', page: () => import('../pages/team/Team.svelte') },
  { path: '/signing-keys', title: 'Signing keys', needs: 'settings:manage', page: () => import('../pages/signing-keys/SigningKeys.svelte') },
  { path: '/settings', title: 'Settings', needs: 'settings:manage', page: () => import('../pages/settings/Settings.svelte') },
  { path: '/account', title: 'Your account', page: () => import('../pages/account/Account.svelte') },

  { path: '/sign-in', title: 'Sign in', outside: true, page: () => import('../pages/public/SignIn.svelte') },
  { path: '/sign-up', title: 'Sign up', outside: true, page: () => import('../pages/public/SignUp.svelte') },
  { path: '/setup', title: 'Set up', outside: true, page: () => import('../pages/public/SetUp.svelte') },
  { path: '/confirm', title: 'Confirm your account', outside: true, page: () => import('../pages/public/ConfirmAccount.svelte') },
  { path: '/invitation', title: 'Invitation', outside: true, page: () => import('../pages/public/Invitation.svelte') },
  { path: '/forgotten-password', title: 'Forgotten password', outside: true, page: () => import('../pages/public/Forgotten.svelte') },
  { path: '/reset-password', title: 'New password', outside: true, page: () => import('../pages/public/Reset.svelte') },
  { path: '/verify-email', title: 'Confirm your address', outside: true, page: () => import('../pages/public/VerifyEmail.svelte') },
  { path: '/consent', title: 'Allow access', outside: true, page: () => import('../pages/public/Consent.svelte') },
  { path: '/signed-out', title: 'Signed out', outside: true, page: () => import('../pages/public/SignedOut.svelte') },
];

/** The page at `path`, with its parameters. */
export function find(path: string): { route: Route; params: Record<string, string> } | null {
  for (const route of routes) {
    const params = match(route.path, path);
    if (params) return { route, params };
  }
  return null;
}
