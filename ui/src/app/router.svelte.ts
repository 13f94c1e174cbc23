/**
 * A small history router: the address bar is the state. It matches patterns such as `/keys/:id` and does not know the pages.
 */
type Params = Record<string, string>;

class Address {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));
  /** Counts navigations, not changes of the query: the frame moves the focus when it changes. */
  visits = $state(0);

  read(): void {
    const moved = this.path !== location.pathname;
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
    if (moved) this.visits += 1;
  }
}

/** The current path and query. */
export const address = new Address();

/** Navigates to a path of this dashboard. */
export function go(to: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, '', to);
  else if (to !== location.pathname + location.search) history.pushState(null, '', to);
  address.read();
}

/** Changes some parameters of the query; an empty value removes one. Every filter of a list lives here. */
export function setQuery(changes: Record<string, string | null | undefined>, options = { replace: true }): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
  go(location.pathname + (text ? `?${text}` : ''), options);
}

/** The parameters of `pattern` in `path`; null when it is another path. */
export function match(pattern: string, path: string): Params | null {
  const wanted = pattern.split('/');
  const given = path.replace(/(.)\/$/, '$1').split('/');
  if (wanted.length !== given.length) return null;
  const params: Params = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (part.startsWith(':') && value) {
      try {
        params[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (part !== value) return null;
  }
  return params;
}

/** Turns clicks on links to `isOurs` paths into navigation without a load. */
export function interceptLinks(isOurs: (path: string) => boolean): () => void {
  const onClick = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link?.href || link.target || link.hasAttribute('download')) return;
    const to = new URL(link.href);
    if (to.origin !== location.origin || !isOurs(to.pathname) || to.hash) return;
    event.preventDefault();
    go(to.pathname + to.search);
  };
  const onPop = () => address.read();
  document.addEventListener('click', onClick);
  window.addEventListener('popstate', onPop);
  return () => {
    document.removeEventListener('click', onClick);
    window.removeEventListener('popstate', onPop);
  };
}
