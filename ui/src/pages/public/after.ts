/** Where to go after sign-in. */
import { paths } from '../../app/paths';
import { go } from '../../app/router.svelte';

/** On to the consent page, back to the page that was asked for, or home. Never to another origin. */
export function goOn(query: URLSearchParams): void {
  const request = query.get('request');
  if (request) return go(`/consent?request=${encodeURIComponent(request)}`, { replace: true });
  const then = query.get('then') ?? '';
  go(/^\/(?![/\\])/.test(then) ? then : paths.home(), { replace: true });
}
