/** The API reference works under the same strict policy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixture } from './support/fixture.js';

const { server, open } = await fixture();

test('a key authorizes, and a call can be tried', async () => {
  const visitor = await open();
  const { page } = visitor;
  await page.goto('/docs');
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const bearer = page.locator('.auth-container').filter({ has: page.locator('#auth-bearer-value') }).last();
  await bearer.locator('#auth-bearer-value').fill(server.key);
  await bearer.locator('button.authorize').click();
  // After it is applied, the field is gone.
  await page.locator('.auth-container button.btn-done').first().click();
  assert.match(await tryIt(page, 'APIs-get_v1_apis', '/v1/apis'), /"slug": "keywright"/);
  await visitor.close();
});

test('"Authorize" runs the code flow', async () => {
  const app = await server.call('POST', '/v1/clients', {
    name: 'API reference', type: 'public', access: [{ api: 'keywright', scopes: ['apis:read', 'keys:read'] }], redirect_uris: [`${server.url}/docs/oauth2-redirect.html`],
  });
  const visitor = await open();
  const { page, context } = visitor;
  await visitor.signIn(server.owner);
  await page.goto('/docs');
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const flow = page.locator('.auth-container').filter({ hasText: 'authorizationCode' });
  await flow.locator('#client_id_authorizationCode').fill(app.client_id);
  await flow.getByText('apis:read', { exact: true }).click();
  const [popup] = await Promise.all([context.waitForEvent('page'), flow.locator('button.authorize').click()]);
  visitor.watch(popup);
  await popup.getByRole('heading', { name: 'Allow API reference?' }).waitFor();
  const closed = popup.waitForEvent('close');
  await popup.getByRole('button', { name: 'Allow' }).click();
  await closed;
  await flow.getByText('Authorized', { exact: true }).waitFor();
  await page.locator('.auth-container button.btn-done').first().click();
  const sent = page.waitForRequest((request) => request.url() === `${server.url}/v1/apis` && request.method() === 'GET');
  await tryIt(page, 'APIs-get_v1_apis', '/v1/apis');
  assert.match((await (await sent).allHeaders()).authorization, /^Bearer ey/);
  await visitor.close();
});

/** Runs an operation and waits for its 200. */
async function tryIt(page, id, path) {
  const operation = page.locator(`#operations-${id}, .opblock-get`).filter({ hasText: path }).first();
  await operation.locator('.opblock-summary-control, .opblock-summary').first().click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  await operation.locator('.live-responses-table .response-col_status').getByText('200').waitFor();
  return operation.locator('.live-responses-table').innerText();
}
