/** Common test data: one API with scopes, presets and a tier, some keys, and log rows. */

export const AFDB = {
  slug: 'afdb',
  name: 'AI for Database',
  audience: 'https://api.aifordatabase.com',
  scopes: [
    { name: 'queries:read', description: 'Run queries and view results' },
    { name: 'queries:write', description: 'Save and delete queries' },
    { name: 'dashboards:read', description: 'View dashboards' },
  ],
  presets: [
    { name: 'Read', description: 'Queries and dashboards only', scopes: ['queries:read', 'dashboards:read'] },
    { name: 'Full Access', description: 'All operations', scopes: ['queries:read', 'queries:write', 'dashboards:read'] },
  ],
  role_scopes: { developer: ['queries:read', 'queries:write'], member: ['queries:read', 'dashboards:read'] },
  routes: [{ method: 'POST', path: '/v1/queries', scope: 'queries:read' }],
};

/** Adds the API and two keys, and verifies one of them. */
export async function furnish(server) {
  await server.call('POST', '/v1/apis', AFDB);
  const backend = await server.call('POST', '/v1/keys', { api: 'afdb', name: 'Production Backend', preset: 'Read', owner: 'acme' });
  const pipeline = await server.call('POST', '/v1/keys', { api: 'afdb', name: 'CI Pipeline', scopes: ['queries:write'], expires_in_days: 7 });
  for (let turn = 0; turn < 4; turn += 1) await verify(server, backend.key, turn % 2 ? 'queries:write' : 'queries:read');
  await verify(server, pipeline.key, 'queries:write');
  return { backend, pipeline };
}

/** Verifies a key, as the protected API does. */
export function verify(server, key, scopes, path = '/v1/queries') {
  const request = { ip: '203.0.113.9', method: 'POST', path, user_agent: 'curl/8' };
  return server.call('POST', '/v1/keys/verify', { key, api: 'afdb', scopes, request });
}

/** In the page: calls the API with the page's own session; returns the response. */
export async function ask([method, path, body]) {
  const { csrf_token: csrf } = await (await fetch('/v1/auth/session')).json();
  const headers = { 'X-CSRF-Token': csrf, 'Content-Type': 'application/json' };
  return (await fetch(path, { method, headers, body: body && JSON.stringify(body) })).json();
}
