/** Destination after sign-in. */
import { paths } from '../../app/paths';
import { go } from '../../app/router.svelte';

/** The consent page, the requested page, or the home page. Never another origin. */
export function goOn(query: URLSearchParams): void {
  const request = query.get('request');
  if (request) return go(`/consent?request=${encodeURIComponent(request)}`, { replace: true });
  const then = query.get('then') ?? '';
  go(/^\/(?![/\\])/.test(then) ? then : paths.home(), { replace: true });
}
