/** What each role may do on an API. */
import type { Api } from '../../api/types';
import { ROLES } from '../../api/words';

export type Role = keyof Api['role_scopes'];
export const ROLE_NAMES = Object.keys(ROLES) as Role[];

/** Owners and admins hold everything until the API says otherwise; whatever is added to it later, too. */
export const holdsAll = (api: Api, role: Role): boolean => (role === 'owner' || role === 'admin') && api.role_scopes[role] === undefined;

/** The scopes that `role` holds now. */
export const heldBy = (api: Api, role: Role): string[] =>
  holdsAll(api, role) ? api.scopes.map((scope) => scope.name) : (api.role_scopes[role] ?? []);

/** What to send for `chosen`: a role that held everything and still does is left out, so that it stays that way. */
export function roleScopes(api: Api, chosen: Record<string, string[]>): Record<string, string[]> {
  const stays = (role: Role) => holdsAll(api, role) && api.scopes.every((scope) => chosen[role]?.includes(scope.name));
  return Object.fromEntries(ROLE_NAMES.filter((role) => !stays(role)).map((role) => [role, chosen[role] ?? []]));
}
