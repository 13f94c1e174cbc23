/** A one-time secret that a link brought. */
let taken: { path: string; token: string } | undefined;

/** Takes the token out of the address, so that it is not left in the history, a bookmark or a screenshot. */
export function takeToken(): string {
  const query = new URLSearchParams(location.search);
  const token = query.get('token') ?? new URLSearchParams(location.hash.slice(1)).get('token') ?? location.hash.slice(1);
  if (token) {
    taken = { path: location.pathname, token };
    query.delete('token');
    history.replaceState(null, '', location.pathname + (query.size ? `?${query}` : ''));
  }
  return taken?.path === location.pathname ? taken.token : '';
}
