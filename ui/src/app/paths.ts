/** Every path of the dashboard. Pages build paths with these functions only. */
const part = encodeURIComponent;

function query(values: Record<string, string | undefined | null>): string {
  const given = Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

export const paths = {
  home: () => '/',
  keys: (filter: { status?: string; create?: string; api?: string; user_id?: string } = {}) => `/keys${query(filter)}`,
  key: (id: string) => `/keys/${part(id)}`,
  activity: (filter: Record<string, string | undefined> = {}) => `/activity${query(filter)}`,
  apis: () => '/apis',
  api: (id: string) => `/apis/${part(id)}`,
  apps: () => '/apps',
  app: (id: string) => `/apps/${part(id)}`,
  team: () => '/team',
  person: (id: string) => `/team${query({ person: id })}`,
  signingKeys: () => '/signing-keys',
  settings: () => '/settings',
  account: () => '/account',
  security: () => '/account?tab=security',
  signIn: (values: { request?: string; then?: string } = {}) => `/sign-in${query(values)}`,
  signUp: (values: { request?: string; invitation?: string } = {}) => `/sign-up${query(values)}`,
  forgotten: () => '/forgotten-password',
  signedOut: () => '/signed-out',
};
