/**
 * The routes of the protected API. Each has a scope of its own, so that a key shows which routes it satisfies. A route
 * that is `unruled` is one of the service and not of the API: no request may reach it.
 */
const narrow = [
  { method: 'GET', path: '/v1/health', public: true },
  { method: '*', path: '/v1/admin/*' },
  { method: 'GET', path: '/v1/queries' },
  { method: 'POST', path: '/v1/queries' },
  { method: 'GET', path: '/v1/queries/{id}' },
  { method: 'DELETE', path: '/v1/queries/{id}' },
  { method: 'GET', path: '/v1/queries/{id}/runs' },
  { method: 'GET', path: '/v1/reports/latest' },
  { method: 'GET', path: '/v1/reports/{id}' },
  { method: '*', path: '/v1/team/members' },
  { method: 'GET', path: '/v1/export.csv' },
];
const number = (routes) => routes.map((route, id) => ({ ...route, id, scope: route.public || route.unruled ? undefined : `r:${id}` }));

export const TABLES = {
  /** Narrow routes before wide ones. */
  wide: number([...narrow, { method: 'GET', path: '/v1/*' }, { method: '*', path: '/*' }]),
  /** Narrow routes only; the service has more. */
  closed: number([...narrow, { method: '*', path: '/internal/*', unruled: true }, { method: '*', path: '/v1/reports', unruled: true }]),
};

/** A legitimate request for a route. */
export function example(route, random) {
  const id = random.of(['17', 'abc', 'a-b_c.d~e', 'a@b.example', 'a%40b', 'gr%C3%B6%C3%9Fe', 'x%20y', '2026-11-28', 'report.pdf']);
  const below = random.of(['', '/x', '/users', '/users/7/keys', '/']);
  const path = route.path.replace(/\{\w+\}/g, id).replace(/\/\*$/, below) || '/';
  const query = random.of(['', '', '', '?limit=10', '?q=a%2Fb&next=/v1/x', '?']);
  const methods = route.method === '*' ? ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] : route.method === 'GET' ? ['GET', 'GET', 'HEAD'] : [route.method];
  return { method: random.of(methods), target: path + query, headers: [] };
}
