/** An OAuth app is registered, and its code flow runs through sign-in and consent. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { fixture } from './support/fixture.js';
import { furnish } from './support/world.js';

const app = createServer(({ url }, response) => {
  const of = new URL(url, 'http://app').searchParams.get('frame');
  response.setHeader('Content-Type', 'text/html');
  response.end(`<!doctype html><title>App</title>${of ? `<iframe src="${server.url}${of}"></iframe>` : ''}`);
}).listen(0, '127.0.0.1');
await once(app, 'listening');
after(() => app.close());
const callback = `http://127.0.0.1:${app.address().port}/callback`;
const { server, open } = await fixture({ prepare: furnish });

const LEAVES = /foreign request: http:\/\/127\.0\.0\.1:\d+\/(callback|favicon)/;

test('an app is registered, allowed, and gets its tokens', async () => {
  const admin = await open();
  await admin.signIn(server.owner);
  const credentials = await register(admin.page);
  await admin.close();

  const member = await server.person('member', 'mia');
  const visitor = await open();
  visitor.expect(LEAVES);
  const { page } = visitor;
  const verifier = randomBytes(32).toString('base64url');
  const authorize = new URLSearchParams({
    response_type: 'code', client_id: credentials.id, redirect_uri: callback, scope: 'queries:read dashboards:read', state: 'abc',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  });
  await page.goto(`/oauth/authorize?${authorize}`);
  await page.getByText('Embedded dashboards asks for access to your account').waitFor();
  await page.getByLabel('Email').fill(member.email);
  await page.getByLabel('Password').fill(member.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Allow Embedded dashboards?' }).waitFor();
  await visitor.axe('consent');
  await page.getByText('127.0.0.1').waitFor();
  await page.getByRole('checkbox', { name: /dashboards:read/ }).uncheck();
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL(`${callback}?**`);
  const back = new URL(page.url()).searchParams;
  assert.equal(back.get('state'), 'abc');
  assert.equal(back.get('iss'), server.url);

  const tokens = await exchange(credentials, back.get('code'), verifier);
  assert.equal(tokens.scope, 'queries:read', 'what was unticked is not granted');
  const profile = await server.call('GET', '/v1/user/profile', undefined, tokens.access_token);
  assert.match(profile.user_id, /^usr_/);

  await page.goto(`${server.url}/account?tab=apps`);
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('No app has access').waitFor();
  await assert.rejects(server.call('GET', '/v1/user/profile', undefined, tokens.access_token), /401/);
  await visitor.close();
});

test('saying no sends the person back with an error, and no code', async () => {
  const made = await server.call('POST', '/v1/clients', {
    name: 'Another app', access: [{ api: 'afdb', scopes: ['queries:read'] }], redirect_uris: [callback],
  });
  const visitor = await open();
  visitor.expect(LEAVES);
  await visitor.signIn(server.owner);
  const challenge = createHash('sha256').update('x'.repeat(43)).digest('base64url');
  const authorize = new URLSearchParams({
    response_type: 'code', client_id: made.client_id, redirect_uri: callback, scope: 'queries:read', state: 's', code_challenge: challenge, code_challenge_method: 'S256',
  });
  await visitor.page.goto(`/oauth/authorize?${authorize}`);
  await visitor.page.getByRole('button', { name: 'Deny' }).click();
  await visitor.page.waitForURL(`${callback}?**`);
  const back = new URL(visitor.page.url()).searchParams;
  assert.equal(back.get('error'), 'access_denied');
  assert.equal(back.get('code'), null);
  await visitor.close();
});

const ELSEWHERE = 'https://yourapp.example/callback';
const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

test('what the consent page says of an app is inert, and holds for one browser and one yes', async () => {
  const evil = '<img src=x onerror=alert(1)>';
  const made = await server.call('POST', '/v1/clients', { name: evil, access: [{ api: 'afdb', scopes: ['queries:read'] }], redirect_uris: [ELSEWHERE] });
  const admin = await open();
  await admin.signIn(server.owner);
  await admin.visit(`/apps/${made.id}`, evil);
  await admin.page.locator('input[type=file]').setInputFiles({ name: 'logo.png', mimeType: 'image/png', buffer: PIXEL });
  await admin.page.getByRole('img', { name: `Logo of ${evil}` }).waitFor();
  admin.expect(/status of 415/);
  await admin.page.locator('input[type=file]').setInputFiles({ name: 'logo.svg', mimeType: 'image/svg+xml', buffer: Buffer.from('<svg/>') });
  await admin.page.getByRole('alert').getByText('The logo was not changed').waitFor();
  await admin.close();

  const visitor = await open();
  visitor.expect(/foreign request: https:\/\/yourapp\.example|ERR_NAME_NOT_RESOLVED/);
  const { page } = visitor;
  const authorize = (more = {}) => `/oauth/authorize?${new URLSearchParams({
    response_type: 'code', client_id: made.client_id, redirect_uri: ELSEWHERE, scope: 'queries:read', code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256', ...more,
  })}`;
  await page.goto(authorize({ login_hint: server.owner.email }));
  await page.getByLabel('Email').waitFor();
  await page.waitForFunction(() => document.querySelector('input[type=email]').value !== '');
  assert.equal(await page.getByLabel('Email').inputValue(), server.owner.email);
  await page.getByLabel('Password').fill(server.owner.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: `Allow ${evil}?` }).waitFor();
  assert.equal(await page.locator('main img').count(), 1, 'the logo, and nothing out of the name');
  assert.ok(await page.locator('main img').evaluate((image) => image.complete && image.naturalWidth === 1));
  await page.getByText('yourapp.example').waitFor();
  assert.equal(await page.getByText('a program on this device').count(), 0);

  const other = await open();
  other.expect(/status of 403/);
  await other.signIn(server.owner);
  await other.page.goto(page.url());
  await other.page.getByRole('alert').waitFor();
  assert.equal(await other.page.getByRole('button', { name: 'Allow' }).count(), 0);
  await other.close();

  // The app has no server: the test checks the redirect of the browser.
  const [back] = await Promise.all([page.waitForRequest((one) => one.url().startsWith(ELSEWHERE)), page.getByRole('button', { name: 'Allow' }).click()]);
  assert.ok(new URL(back.url()).searchParams.get('code'));
  const sentTo = async (more) => (await visitor.context.request.get(authorize(more), { maxRedirects: 0 })).headers().location;
  assert.match(await sentTo(), new RegExp(`^${ELSEWHERE}\\?code=`), 'nobody is asked twice');
  assert.match(await sentTo({ prompt: 'consent' }), /^\/consent\?request=/);
  assert.match(await sentTo({ prompt: 'login' }), /^\/sign-in\?request=/);
  await visitor.close();
});

test('nobody frames a page', async () => {
  const visitor = await open();
  visitor.expect(/frame-ancestors|status of 400|foreign request: http:\/\/127\.0\.0\.1:\d+\/(framing|favicon)/);
  const { page } = visitor;
  for (const path of ['/consent', '/sign-in', '/oauth/authorize?client_id=x', '/oauth/logout']) {
    const refused = page.waitForEvent('console', { predicate: (message) => /frame-ancestors 'none'/.test(message.text()) });
    await page.goto(`${new URL(callback).origin}/framing?${new URLSearchParams({ frame: path })}`);
    await refused;
  }
  await visitor.close();
});

async function register(page) {
  await page.goto('/apps');
  await page.getByRole('button', { name: 'Register app' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Register app' });
  await dialog.getByLabel('Name', { exact: true }).fill('Embedded dashboards');
  await dialog.getByLabel('Redirect URIs', { exact: true }).fill(callback);
  await dialog.getByRole('checkbox', { name: 'AI for Database' }).check();
  for (const scope of ['queries:read', 'dashboards:read']) await dialog.getByRole('checkbox', { name: scope }).check();
  await dialog.getByRole('button', { name: 'Register', exact: true }).click();
  const credentials = { id: await page.getByTestId('client-id').textContent(), secret: await page.getByTestId('secret').textContent() };
  await page.getByRole('button', { name: 'I have stored it' }).click();
  await page.getByRole('heading', { level: 1, name: 'Embedded dashboards' }).waitFor();
  return credentials;
}

async function exchange(credentials, code, verifier) {
  const body = new URLSearchParams({
    grant_type: 'authorization_code', code, redirect_uri: callback, client_id: credentials.id, client_secret: credentials.secret, code_verifier: verifier,
  });
  const response = await fetch(`${server.url}/oauth/token`, { method: 'POST', body });
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}
