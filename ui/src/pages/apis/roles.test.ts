import { expect, test } from 'vitest';
import type { Api } from '../../api/types';
import { heldBy, roleScopes } from './roles';

const api = { scopes: [{ name: 'a' }, { name: 'b' }], role_scopes: { member: ['a'] } } as unknown as Api;

test('owners and admins hold everything until the API says otherwise', () => {
  expect(heldBy(api, 'owner')).toEqual(['a', 'b']);
  expect(heldBy(api, 'admin')).toEqual(['a', 'b']);
  expect(heldBy(api, 'member')).toEqual(['a']);
  expect(heldBy(api, 'viewer')).toEqual([]);
  expect(heldBy({ ...api, role_scopes: { admin: [] } }, 'admin')).toEqual([]);
});

test('saving without a change removes no scope', () => {
  const chosen = Object.fromEntries((['owner', 'admin', 'developer', 'viewer', 'member'] as const).map((role) => [role, heldBy(api, role)]));
  expect(roleScopes(api, chosen)).toEqual({ developer: [], viewer: [], member: ['a'] });
  expect(roleScopes(api, { ...chosen, admin: ['b'] })).toEqual({ admin: ['b'], developer: [], viewer: [], member: ['a'] });
});
