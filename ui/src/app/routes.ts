/** Every page: its path, what it needs, and the chunk that shows it. */
import type { Component } from 'svelte';
import { match } from './router.svelte';

// Pages take the parameters of their path as props.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Page = Component<any>;

export interface Route {
  path: string;
  title: string;
  /** Shown without a session, before the frame. */
  door?: boolean;
  /** The scope that the page is of no use without; none for pages that everybody has. */
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

  { path: '/sign-in', title: 'Sign in', door: true, page: () => import('../pages/door/SignIn.svelte') },
  { path: '/sign-up', title: 'Sign up', door: true, page: () => import('../pages/door/SignUp.svelte') },
  { path: '/setup', title: 'Set up', door: true, page: () => import('../pages/door/SetUp.svelte') },
  { path: '/confirm', title: 'Confirm your account', door: true, page: () => import('../pages/door/ConfirmAccount.svelte') },
  { path: '/invitation', title: 'Invitation', door: true, page: () => import('../pages/door/Invitation.svelte') },
  { path: '/forgotten-password', title: 'Forgotten password', door: true, page: () => import('../pages/door/Forgotten.svelte') },
  { path: '/reset-password', title: 'New password', door: true, page: () => import('../pages/door/Reset.svelte') },
  { path: '/verify-email', title: 'Confirm your address', door: true, page: () => import('../pages/door/VerifyEmail.svelte') },
  { path: '/consent', title: 'Allow access', door: true, page: () => import('../pages/door/Consent.svelte') },
  { path: '/signed-out', title: 'Signed out', door: true, page: () => import('../pages/door/SignedOut.svelte') },
];

/** The page at `path`, with the parameters in it. */
export function find(path: string): { route: Route; params: Record<string, string> } | null {
  for (const route of routes) {
    const params = match(route.path, path);
    if (params) return { route, params };
  }
  return null;
}
