/** The API reference works under the same strict policy. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, Visitor } from './support/browser.js';
import { Server } from './support/server.js';

let server;
let browser;
before(async () => {
  server = await Server.withOwner();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('a key authorizes, and a call can be tried', async () => {
  const visitor = await Visitor.open(browser, server);
  const { page } = visitor;
  await page.goto('/docs');
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const bearer = page.locator('.auth-container').filter({ has: page.locator('#auth-bearer-value') }).last();
  await bearer.locator('#auth-bearer-value').fill(server.key);
  await bearer.locator('button.authorize').click();
  // Once it is applied, the field is gone.
  await page.locator('.auth-container button.btn-done').first().click();
  const operation = page.locator('#operations-APIs-get_v1_apis, .opblock-get').filter({ hasText: '/v1/apis' }).first();
  await operation.locator('.opblock-summary-control, .opblock-summary').first().click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  await operation.locator('.live-responses-table .response-col_status').getByText('200').waitFor();
  assert.match(await operation.locator('.live-responses-table').innerText(), /"slug": "keywright"/);
  await visitor.close();
});
