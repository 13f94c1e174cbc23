/** A frontend on another origin in `allowed_origins` signs people in; a page of any other origin cannot. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { Server } from '../support/server.mjs';
import { fixture } from './support/fixture.js';
import { AFDB } from './support/world.js';

const sites = [];
for (let count = 0; count < 2; count += 1) {
  const site = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>A site</title>'));
  await once(site.listen(0, '127.0.0.1'), 'listening');
  after(() => site.close());
  sites.push(site);
}
const origin = (site) => `http://127.0.0.1:${sites[site].address().port}`;
const { server, browser, person } = await fixture({
  start: () => Server.withOwner({ KEYWRIGHT_DEFAULT_API: 'afdb' }),
  async prepare(server) {
    await server.call('POST', '/v1/apis', { ...AFDB, allowed_origins: [origin(0)] });
    return { person: await server.person('member') };
  },
});

/** A page of one of the sites. */
async function open(site) {
  const page = await browser.newPage();
  await page.goto(origin(site));
  return page;
}

/** The part of a response that a page's script can read. */
const call = (page, method, path, body, more = {}) =>
  page.evaluate(
    async ({ url, method, body, more }) => {
      try {
        const headers = { 'Content-Type': 'application/json', ...more.headers };
        const response = await fetch(url, { method, body: body && JSON.stringify(body), ...more, headers });
        const text = await response.text();
        return { status: response.status, body: text ? JSON.parse(text) : null };
      } catch (error) {
        return { failed: error.message };
      }
    },
    { url: server.url + path, method, body, more },
  );

test('a page of a listed origin signs in, refreshes and signs out', async () => {
  const page = await open(0);
  const { email, password } = person;
  const wrong = await call(page, 'POST', '/v1/auth/login', { email, password: 'not the password' });
  assert.deepEqual([wrong.status, wrong.body.error.code], [401, 'INVALID_CREDENTIALS'], 'it can tell people why');

  const login = await call(page, 'POST', '/v1/auth/login', { email, password });
  assert.equal(login.status, 200);
  const { refresh_token } = login.body;
  const refreshed = await call(page, 'POST', '/v1/auth/refresh', { refresh_token });
  assert.equal(refreshed.status, 200);
  assert.notEqual(refreshed.body.refresh_token, refresh_token);

  const out = await call(page, 'POST', '/v1/auth/logout', { refresh_token: refreshed.body.refresh_token });
  assert.equal(out.status, 204);
  const over = await call(page, 'POST', '/v1/auth/refresh', { refresh_token: refreshed.body.refresh_token });
  assert.deepEqual([over.status, over.body.error.code], [401, 'INVALID_TOKEN']);
  await page.close();
});

test('a page of any other origin sees nothing', async () => {
  const page = await open(1);
  const { email, password } = person;
  for (const [path, body] of [
    ['/v1/auth/login', { email, password }],
    ['/v1/auth/refresh', { refresh_token: 'x' }],
    ['/v1/auth/logout', { refresh_token: 'x' }],
  ]) {
    assert.deepEqual(await call(page, 'POST', path, body), { failed: 'Failed to fetch' }, path);
  }
  await page.close();
});

test('even a listed origin gets no further, and never with a cookie', async () => {
  const context = await browser.newContext();
  const home = await context.newPage();
  await home.goto(server.url);
  const { email, password } = person;
  const signedIn = await call(home, 'POST', '/v1/auth/session', { email, password });
  assert.equal(signedIn.status, 201);
  assert.equal((await call(home, 'GET', '/v1/auth/session')).status, 200);

  const page = await context.newPage();
  await page.goto(origin(0));
  const failed = { failed: 'Failed to fetch' };
  const include = { credentials: 'include' };
  assert.deepEqual(await call(page, 'GET', '/v1/auth/session', undefined, include), failed);
  assert.deepEqual(await call(page, 'GET', '/v1/user/profile', undefined, include), failed);
  assert.deepEqual(await call(page, 'POST', '/v1/auth/login', { email, password }, include), failed);
  const csrf = { ...include, headers: { 'X-CSRF-Token': signedIn.body.csrf_token } };
  assert.deepEqual(await call(page, 'DELETE', '/v1/auth/session', undefined, csrf), failed);
  assert.equal((await call(home, 'GET', '/v1/auth/session')).status, 200, 'nothing was ended from there');
  await context.close();
});
