/** Scopes of each role on an API. */
import type { Api } from '../../api/types';
import { ROLES } from '../../api/words';

export type Role = keyof Api['role_scopes'];
export const ROLE_NAMES = Object.keys(ROLES) as Role[];

/** Roles that hold every scope by default, including scopes that are added later. */
export const holdsAll = (api: Api, role: Role): boolean => (role === 'owner' || role === 'admin') && api.role_scopes[role] === undefined;

/** Current scopes of `role`. */
export const heldBy = (api: Api, role: Role): string[] =>
  holdsAll(api, role) ? api.scopes.map((scope) => scope.name) : (api.role_scopes[role] ?? []);

/** Request body for `chosen`: a role that held everything and still does is omitted, so that it keeps its
 * default. */
export function roleScopes(api: Api, chosen: Record<string, string[]>): Record<string, string[]> {
  const stays = (role: Role) => holdsAll(api, role) && api.scopes.every((scope) => chosen[role]?.includes(scope.name));
  return Object.fromEntries(ROLE_NAMES.filter((role) => !stays(role)).map((role) => [role, chosen[role] ?? []]));
}
