/** Names for the shapes of the generated document that pages speak of. */
export interface Secret { start: string; end: string; created_at: string; expires_at?: string | null }
export interface RateLimit { limit: number | null; window_seconds: number; burst?: number | null }
export interface ApiKey {
  id: string; api: string; name: string; environment: 'live' | 'test'; status: string; scopes: string[];
  tier?: string | null; ratelimit?: RateLimit | null; quota?: { limit: number; period: string; used?: number } | null;
  owner?: string | null; user_id?: string | null; allowed_ips?: string[] | null; metadata?: unknown; prefix?: string;
  secrets: Secret[]; expires_at?: string | null; last_used_at?: string | null; created_at: string; updated_at: string;
  disabled_at?: string | null; revoked_at?: string | null;
}
export interface Scope { name: string; description: string; grants_all?: boolean }
export interface Preset { name: string; description: string; scopes: string[]; environment?: 'live' | 'test' | null }
export interface Tier { name: string; limit?: number | null; window_seconds: number; burst?: number | null; per: string }
export interface RouteRule { method: string; path: string; scope?: string | null; environment?: string; cost?: number; public?: boolean }
export interface Api {
  id: string; slug: string; name: string; audience: string; prefix: string; built_in: boolean; scopes: Scope[];
  presets: Preset[]; tiers: Tier[]; routes: RouteRule[]; default_tier: string; token_tier: string; member_tier: string;
  member_max_keys: number; x_api_key: boolean; allowed_origins: string[]; role_scopes: Record<string, string[]>;
  created_at: string; updated_at: string;
}
export interface Named { id: string; name: string; start?: string; end?: string }
export interface Person { id: string; name: string; email: string }
export interface Activity {
  id: string; at: string; kind: string; outcome: string; code: string; why?: string; api?: string; key?: Named;
  user?: Person; by?: { key?: Named; user?: Person }; ip?: string; method?: string; path?: string; user_agent?: string;
  took_us?: number; request_id?: string; count: number; detail?: unknown;
}
export interface User { id: string; email: string; name: string; role: string; scopes: string[]; totp?: boolean; created_at: string; last_active_at?: string | null; disabled_at?: string | null }
export interface SessionAnswer { user: User; csrf_token: string }
export interface Client {
  id: string; client_id: string; client_secret?: string; name: string; type: 'confidential' | 'public';
  access: { api: string; scopes: string[] }[]; redirect_uris: string[]; post_logout_redirect_uris: string[];
  grant_types: ('authorization_code' | 'refresh_token' | 'client_credentials')[]; require_pkce: boolean; first_party: boolean;
  dynamic: boolean; home_page?: string; logo?: string; access_token_seconds?: number; refresh_token_seconds?: number;
  secrets: { start: string; created_at: string; expires_at?: string }[]; disabled: boolean; created_at: string; updated_at: string;
}
