import { expect, test } from 'vitest';
import type { Activity } from '../../api/types';
import { detailLines, rulesOf } from './checks';

const row = (values: Partial<Activity>): Activity => ({ id: 'act_1', at: '2026-01-01T00:00:00Z', kind: 'key.verify', outcome: 'allowed', code: 'VALID', count: 1, ...values });

test('the code alone says which rules were checked', () => {
  const rules = rulesOf(row({ outcome: 'refused', code: 'EXPIRED' }));
  expect(rules.map((rule) => rule.result)).toEqual(['passed', 'passed', 'passed', 'failed', ...Array(6).fill('not_reached')]);
  expect(rulesOf(row({})).every((rule) => rule.result === 'passed')).toBe(true);
});

test('compared values are shown if the log has them', () => {
  const checks = [{ rule: 'INSUFFICIENT_SCOPE', result: 'failed', observed: 'holds "a"; asked for "b"' }];
  const rules = rulesOf(row({ outcome: 'refused', code: 'INSUFFICIENT_SCOPE', detail: { checks } }));
  expect(rules.find((rule) => rule.result === 'failed')?.observed).toBe('holds "a"; asked for "b"');
});

test('a call without a key has no rules of keys', () => {
  const user = { id: 'usr_1', name: 'Ada', email: 'ada@example.com' };
  expect(rulesOf(row({ kind: 'api.call', user }))).toEqual([]);
  expect(rulesOf(row({ kind: 'key.verify', outcome: 'refused', code: 'NOT_FOUND' })).length).toBe(10);
});

test('changes and sign-ins have no rules', () => {
  expect(rulesOf(row({ kind: 'key.created', outcome: 'changed' }))).toEqual([]);
  expect(rulesOf(row({ kind: 'session.sign_in', outcome: 'refused', code: 'INVALID_CREDENTIALS' }))).toEqual([]);
});

test('a change reads as before and after', () => {
  const detail = { name: { from: 'a', to: 'b' }, scopes: { from: null, to: ['x', 'y'] }, tier: { from: 'pro', to: null }, quota: { from: null, to: null } };
  expect(detailLines(row({ outcome: 'changed', detail }))).toEqual([['name', 'a → b'], ['scopes', 'x, y'], ['tier', 'pro → none']]);
});
