/** The values of the API in plain language. The record types make the check fail when the API has another value. */
import { activityKindValues } from './schema';
import type { Activity, ApiKey, KeyStatus, Kind, Outcome, Reason, RoleName, Tier } from './types';
import { count, sentence } from '../lib/text';
import { windowName } from '../lib/time';

export type Tone = 'ok' | 'no' | 'wait' | 'accent' | 'plain';

/** `live_k3Qv…9xT2`, the visible part of a key; none for a key without a live secret. */
export function keyHint(key: Pick<ApiKey, 'environment' | 'secrets'>, prefix?: string): string {
  const secret = key.secrets[0];
  if (!secret) return '';
  return `${prefix ? `${prefix}_${key.environment}_` : ''}${secret.start}…${secret.end}`;
}

const STATUS: Record<KeyStatus, { text: string; tone: Tone }> = {
  active: { text: 'Active', tone: 'ok' },
  expiring: { text: 'Expires soon', tone: 'wait' },
  unused: { text: 'Unused', tone: 'wait' },
  unrotated: { text: 'Not rotated', tone: 'wait' },
  disabled: { text: 'Disabled', tone: 'plain' },
  expired: { text: 'Expired', tone: 'no' },
  revoked: { text: 'Revoked', tone: 'no' },
};
/** Every status of a key. */
export const KEY_STATUSES = Object.keys(STATUS) as KeyStatus[];
export const statusWord = (status: KeyStatus) => STATUS[status];

/** The status of a key as the list shows it. */
export const keyStatus = (key: Pick<ApiKey, 'status' | 'expiring'>) => statusWord(key.expiring ? 'expiring' : key.status);

const OUTCOME: Record<Outcome, { text: string; tone: Tone }> = {
  allowed: { text: 'Allowed', tone: 'ok' },
  refused: { text: 'Refused', tone: 'no' },
  limited: { text: 'Limited', tone: 'wait' },
  changed: { text: 'Changed', tone: 'accent' },
};
/** Every outcome. */
export const OUTCOMES = Object.keys(OUTCOME) as Outcome[];
export const outcomeWord = (outcome: Outcome) => OUTCOME[outcome];

const REASON: Record<Reason, string> = {
  VALID: 'every rule was met',
  NOT_FOUND: 'unknown key',
  REVOKED: 'the key was revoked',
  DISABLED: 'the key is disabled',
  EXPIRED: 'it has expired',
  WRONG_API: 'it belongs to another API',
  WRONG_ENVIRONMENT: 'it belongs to the other environment',
  IP_NOT_ALLOWED: 'the address is not among the allowed ones',
  INSUFFICIENT_SCOPE: 'a scope is missing',
  RATE_LIMITED: 'too many requests',
  QUOTA_EXCEEDED: 'the quota is used up',
  MISSING_CREDENTIAL: 'no credential was sent',
  INVALID_TOKEN: 'the token is invalid',
  INVALID_CREDENTIALS: 'email, password or code is wrong',
  MFA_REQUIRED: 'a second factor is required',
  FORBIDDEN: 'the caller lacks the permission',
  CSRF: 'the request came from another site',
  LOCKED_OUT: 'too many failed attempts',
  NO_ROUTE: 'no route of the API matches',
  PUBLIC: 'the route needs no credential',
  REPLAYED: 'a one-time secret was used twice',
  INVALID_REQUEST: 'the request is malformed',
  DENIED: 'the person denied it',
  REAUTHENTICATION_REQUIRED: 'a recent sign-in is needed',
};

/** `a scope is missing`. */
export const reasonWord = (code: Reason): string => REASON[code];

/** Labels that differ from the name of the kind: `note.created` is `Note created` without one. */
const KIND: Partial<Record<Kind, string>> = {
  'key.verify': 'Key checked',
  'request.authorize': 'Request checked',
  'api.call': 'Management call',
  'key.updated': 'Key changed',
  'key.leaked': 'Key reported as leaked',
  'key.imported': 'Keys imported',
  'api.created': 'API added',
  'api.updated': 'API changed',
  'api.deleted': 'API removed',
  'user.created': 'Person added',
  'user.updated': 'Person changed',
  'user.disabled': 'Person disabled',
  'user.enabled': 'Person enabled',
  'user.deleted': 'Person removed',
  'invitation.created': 'Person invited',
  'session.sign_in': 'Sign-in',
  'session.sign_out': 'Signed out',
  'session.refreshed': 'Session renewed',
  'password.forgotten': 'Password reset requested',
  'totp.enabled': 'Second factor on',
  'totp.disabled': 'Second factor off',
  'session.slowed': 'Sign-in slowed down',
  'session.confirmed': 'Sign-in confirmed again',
  'email.verified': 'Address confirmed',
  'client.created': 'App registered',
  'client.updated': 'App changed',
  'client.rotated': 'App secret rotated',
  'client.deleted': 'App removed',
  'grant.created': 'App allowed',
  'grant.revoked': 'App access revoked',
  authorization: 'Authorization requested',
  'clock.accepted': 'Wall clock accepted',
};
/** Every kind of activity, for filters. */
export const KINDS: readonly Kind[] = activityKindValues;
export const kindWord = (kind: Kind): string => KIND[kind] ?? sentence(kind.replace(/[._]/g, ' '));

/** `Refused: a scope is missing`. */
export function verdict(row: Activity): string {
  if (row.outcome === 'changed') return kindWord(row.kind);
  return `${outcomeWord(row.outcome).text}: ${reasonWord(row.code)}`;
}

/** `1,000 a minute`, `unlimited`. */
export function limitWord(limit: Pick<Tier, 'limit' | 'window_seconds'>): string {
  return limit.limit == null ? 'unlimited' : `${count(limit.limit)} a ${windowName(limit.window_seconds)}`;
}

/** `pro`, `1,000 a minute (its own)`, `default`. */
export function keyLimit(key: ApiKey, tiers: Tier[] = [], fallback?: string): string {
  if (key.ratelimit) return `${limitWord(key.ratelimit)}, its own`;
  const name = key.tier ?? fallback;
  const tier = tiers.find((one) => one.name === name);
  const words = tier ? `${tier.name}, ${limitWord(tier)}` : (name ?? 'default');
  return key.tier ? words : `${words} (the API's default)`;
}

export const ROLES: Record<RoleName, string> = {
  owner: 'Everything, owners included',
  admin: 'Everything but owners',
  developer: 'Reads everything; creates keys and OAuth apps',
  viewer: 'Reads everything',
  member: 'End user: their own keys, sessions and apps',
};
