/** The one-time token of a link. */
let taken: { path: string; token: string } | undefined;

/** Removes the token from the URL, so that it is not in the history, a bookmark or a screenshot. */
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
