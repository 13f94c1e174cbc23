/** The filter of the log: stored in the URL, sent to the server unchanged. */
import type { paths } from '../../api/schema';
import { KINDS, OUTCOMES } from '../../api/words';
import { DAY } from '../../lib/time';

export const RANGES = [
  { value: '15m', text: 'Last 15 minutes', milliseconds: 15 * 60_000 },
  { value: '1h', text: 'Last hour', milliseconds: 3_600_000 },
  { value: '24h', text: 'Last 24 hours', milliseconds: DAY },
  { value: '7d', text: 'Last 7 days', milliseconds: 7 * DAY },
  { value: '30d', text: 'Last 30 days', milliseconds: 30 * DAY },
];

/** Everything except calls of the built-in API, of which this dashboard makes most. */
export const NOT_OURS = '!keywright';

type Query = NonNullable<paths['/v1/activity']['get']['parameters']['query']>;
const TEXTS = ['api', 'key', 'user', 'client', 'ip', 'q'] as const;
export type Filter = Pick<Query, (typeof TEXTS)[number] | 'outcome' | 'kind' | 'from' | 'to'>;

/** Reads the filter; a range such as `1h` is counted back from `now`. */
export function readFilter(query: URLSearchParams, now: number): Filter {
  const filter: Filter = {};
  for (const name of TEXTS) {
    const value = query.get(name);
    if (value) filter[name] = value;
  }
  const outcome = OUTCOMES.find((one) => one === query.get('outcome'));
  const kind = KINDS.find((one) => one === query.get('kind'));
  if (outcome) filter.outcome = outcome;
  if (kind) filter.kind = kind;
  const range = RANGES.find((one) => one.value === query.get('range'));
  const from = range ? new Date(now - range.milliseconds).toISOString() : query.get('from');
  const to = query.get('to');
  if (from) filter.from = from;
  if (to) filter.to = to;
  return filter;
}

/** Whether new rows can match the time range. */
export const isOpenEnded = (filter: Filter): boolean => !filter.to;
