/** An app in the form. */
import type { Client } from '../../api/types';

export const GRANTS = [
  { value: 'authorization_code', text: 'Authorization code', hint: 'People allow it in the browser.' },
  { value: 'refresh_token', text: 'Refresh token', hint: 'It stays signed in without asking again.' },
  { value: 'client_credentials', text: 'Client credentials', hint: 'It acts for itself, by its secret.' },
] as const;
/** Default lifetime of an unused refresh token. */
export const REFRESH_SECONDS = 30 * 86_400;
export type Grant = (typeof GRANTS)[number]['value'];

export class AppDraft {
  name = $state('');
  type = $state<'confidential' | 'public'>('confidential');
  redirectUris = $state('');
  logoutUris = $state('');
  grants = $state<Grant[]>(['authorization_code', 'refresh_token']);
  /** API slug → scopes. */
  access = $state<Record<string, string[]>>({});
  /** Default API of requests without `resource`: the first. */
  order = $state<string[]>([]);
  requirePkce = $state(true);
  firstParty = $state(false);
  homePage = $state('');
  /** Minutes; empty is the instance's setting. */
  accessMinutes = $state<number | null>(null);
  /** Days; empty is {@link REFRESH_SECONDS}. */
  refreshDays = $state<number | null>(null);

  static of(app: Client): AppDraft {
    const draft = new AppDraft();
    draft.name = app.name;
    draft.type = app.type;
    draft.redirectUris = app.redirect_uris.join('\n');
    draft.logoutUris = app.post_logout_redirect_uris.join('\n');
    draft.grants = [...app.grant_types];
    draft.access = Object.fromEntries(app.access.map(({ api, scopes }) => [api, [...scopes]]));
    draft.order = app.access.map(({ api }) => api);
    draft.requirePkce = app.require_pkce;
    draft.firstParty = app.first_party;
    draft.homePage = app.home_page ?? '';
    draft.accessMinutes = app.access_token_seconds ? app.access_token_seconds / 60 : null;
    draft.refreshDays = app.refresh_token_seconds ? app.refresh_token_seconds / 86_400 : null;
    return draft;
  }

  toggleApi(slug: string, on: boolean): void {
    this.order = on ? [...this.order, slug] : this.order.filter((one) => one !== slug);
    this.access[slug] ??= [];
  }

  /** Members that are optional at registration, and removed with null in a change. */
  get optional() {
    return {
      home_page: this.homePage.trim() || null,
      access_token_seconds: this.accessMinutes ? Math.round(this.accessMinutes * 60) : null,
      refresh_token_seconds: this.refreshDays ? Math.round(this.refreshDays * 86_400) : null,
    };
  }

  /** Members of both registration and change. */
  get common() {
    const lines = (text: string) => text.split(/\s+/).filter(Boolean);
    return {
      name: this.name.trim(),
      access: this.order.map((api) => ({ api, scopes: this.access[api] ?? [] })),
      redirect_uris: lines(this.redirectUris),
      post_logout_redirect_uris: lines(this.logoutUris),
      grant_types: this.type === 'public' ? this.grants.filter((grant) => grant !== 'client_credentials') : this.grants,
      require_pkce: this.type === 'public' || this.requirePkce,
      first_party: this.firstParty,
    };
  }
}
