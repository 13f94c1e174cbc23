/** Numbers of requests by outcome, over time. */
import { ask, GET } from '../../api/client';
import type { Series } from '../../lib/Chart.svelte';
import { DAY } from '../../lib/time';

export const SPANS = [
  { name: '1h', text: '1 hour', milliseconds: 3_600_000 },
  { name: '24h', text: '24 hours', milliseconds: DAY },
  { name: '7d', text: '7 days', milliseconds: 7 * DAY },
  { name: '30d', text: '30 days', milliseconds: 30 * DAY },
] as const;
export type SpanName = (typeof SPANS)[number]['name'];

export interface Counts {
  times: number[];
  bucketSeconds: number;
  allowed: number[];
  refused: number[];
  limited: number[];
}

/** Counts of the last `span`. */
export async function loadCounts(span: SpanName, filter: { key?: string; api?: string }): Promise<Counts> {
  const { milliseconds } = SPANS.find((one) => one.name === span)!;
  const from = new Date(Date.now() - milliseconds).toISOString();
  const answer = await ask(GET('/v1/activity/counts', { params: { query: { from, ...filter } } }));
  return {
    times: answer.data.map((bucket) => Date.parse(bucket.at)),
    bucketSeconds: answer.bucket_seconds,
    allowed: answer.data.map((bucket) => bucket.allowed),
    refused: answer.data.map((bucket) => bucket.refused),
    limited: answer.data.map((bucket) => bucket.limited),
  };
}

/** In chart order: refusals at the bottom, where they are visible. */
export function seriesOf(counts: Counts): Series[] {
  return [
    { label: 'Refused', color: '--no', values: counts.refused },
    { label: 'Limited', color: '--wait', values: counts.limited },
    { label: 'Allowed', color: '--chart', values: counts.allowed },
  ];
}
