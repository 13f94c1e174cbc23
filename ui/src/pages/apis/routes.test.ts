import { expect, test } from 'vitest';
import { readRoutes, writeRoutes } from './routes';

test('routes survive being written as lines and read again', () => {
  const usual = { environment: 'live', cost: 1, public: false } as const;
  const routes = [
    { ...usual, method: 'GET', path: '/v1/health', public: true },
    { ...usual, method: 'POST', path: '/v1/queries', scope: 'queries:read AND (a OR b)', environment: 'any' as const, cost: 10 },
    { ...usual, method: '*', path: '/v1/team/*' },
  ];
  expect(readRoutes(writeRoutes(routes))).toEqual(routes);
});

test('a line that cannot be read is named', () => {
  expect(() => readRoutes('GET /a\n\nGET /b colour=blue')).toThrow('Line 3: "colour=blue" is not understood');
  expect(() => readRoutes('hello')).toThrow('Line 1: write METHOD /path first');
});
