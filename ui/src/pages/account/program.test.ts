import { expect, test } from 'vitest';
import { program } from './program';

test('browsers are named, everything else is left as it is', () => {
  expect(program('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36')).toBe('Chrome on Linux');
  expect(program('Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0')).toBe('Edge on Windows');
  expect(program('curl/8.5.0')).toBe('curl/8.5.0');
  expect(program(undefined)).toBe('Unknown program');
});
