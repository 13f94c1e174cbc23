/** The explanation of a decision: every rule in order. */
import type { Activity, Reason } from '../../api/types';
import { clock, date } from '../../lib/time';

export interface RuleLine {
  text: string;
  result: 'passed' | 'failed' | 'not_reached';
  observed: string;
}

const RULES: [code: Reason, text: string][] = [
  ['NOT_FOUND', 'Key is known'],
  ['REVOKED', 'Not revoked'],
  ['DISABLED', 'Not disabled'],
  ['EXPIRED', 'Not expired'],
  ['WRONG_API', 'For this API'],
  ['WRONG_ENVIRONMENT', 'For this environment'],
  ['IP_NOT_ALLOWED', 'Address allowed'],
  ['INSUFFICIENT_SCOPE', 'Scopes'],
  ['RATE_LIMITED', 'Rate limit'],
  ['QUOTA_EXCEEDED', 'Quota'],
];
const TEXT = new Map(RULES);

interface Detail {
  checks?: { rule: string; result: RuleLine['result']; observed?: string }[];
  [name: string]: unknown;
}

/** The lines for `row`; empty when it is not a decision about a key. */
export function rulesOf(row: Activity): RuleLine[] {
  const detail = (row.detail ?? {}) as Detail;
  if (row.outcome === 'changed' || (row.code !== 'VALID' && !TEXT.has(row.code))) return [];
  if (!['key.verify', 'request.authorize', 'api.call'].includes(row.kind)) return [];
  // A session or a token: the rules of keys do not apply.
  if (!row.key && (row.user || row.client)) return [];
  // The order is fixed and the first failure decides, so the code shows which rules were checked.
  const stop = RULES.findIndex(([code]) => code === row.code);
  return RULES.map(([code, text], index) => ({
    text,
    result: stop < 0 || index < stop ? 'passed' : index === stop ? 'failed' : 'not_reached',
    observed: readable(detail.checks?.find((check) => check.rule === code)?.observed) ?? (index === stop ? observedOf(code, detail) : ''),
  }));
}

/** Times in the reader's zone. */
function readable(observed: string | undefined): string | undefined {
  if (observed === 'not revoked' || observed === 'not disabled') return '';
  return observed?.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (at) => `${date(Date.parse(at))}, ${clock(Date.parse(at))}`);
}

function observedOf(code: string, detail: Detail): string {
  const required = detail.required ?? detail.scopes;
  if (code === 'INSUFFICIENT_SCOPE' && required) return `asked for ${words(required)}; has ${words(detail.granted) || 'none'}`;
  return '';
}

const words = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : '');

/** Further details of the row, as lines of name and value. */
export function detailLines(row: Activity): [string, string][] {
  if (!row.detail || typeof row.detail !== 'object') return [];
  return Object.entries(row.detail as Detail)
    .filter(([name]) => name !== 'checks')
    .map(([name, value]): [string, string] => [name.replaceAll('_', ' '), shown(value)])
    .filter(([, text]) => text !== '');
}

/** One value for people: lists without brackets, a change as `before → after`, an empty text for nothing. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(shown).join(', ');
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value);
  if (!entries.length) return '';
  if (!('from' in value && 'to' in value && entries.length === 2)) return JSON.stringify(value);
  const [before, after] = [shown(value.from), shown(value.to)];
  return before ? `${before} → ${after || 'none'}` : after === 'false' ? '' : after;
}
