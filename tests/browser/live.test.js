/** The activity log shows new rows live, with their reasons. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixture } from './support/fixture.js';
import { furnish, verify } from './support/world.js';

const { server, open, backend } = await fixture({ prepare: furnish });

test('the live tail shows a request made meanwhile, and its row tells why', async () => {
  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(server.owner);
  await visitor.visit('/activity', 'Activity');
  await page.locator('.state').getByText('Live').waitFor();

  await verify(server, backend.key, 'queries:write', '/v1/seen-live');
  const row = page.getByRole('row').filter({ hasText: '/v1/seen-live' });
  await row.getByText('Refused').waitFor();
  await row.getByRole('link').click();
  const why = page.getByRole('complementary', { name: 'Why' });
  await why.getByRole('heading', { name: 'Refused: a scope is missing' }).waitFor();
  assert.match(await why.getByRole('listitem').filter({ hasText: 'Scopes' }).innerText(), /queries:write/);
  assert.match(await why.getByRole('listitem').filter({ hasText: 'Rate limit' }).innerText(), /not reached/);

  await page.getByRole('button', { name: 'Pause' }).click();
  await verify(server, backend.key, 'queries:read', '/v1/while-paused');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('row').filter({ hasText: '/v1/while-paused' }).waitFor();
  await visitor.close();
});

test('filters live in the address bar and survive a reload', async () => {
  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(server.owner);
  await visitor.visit('/activity', 'Activity');
  await page.getByRole('button', { name: 'Outcome' }).click();
  await page.getByRole('button', { name: 'Refused' }).click();
  await page.waitForURL(/outcome=refused/);
  await page.getByRole('button', { name: 'Key', exact: true }).click();
  await page.getByRole('button', { name: /Production Backend/ }).click();
  await page.waitForURL(/key=key_/);
  await page.reload();
  await page.getByRole('button', { name: 'Key: Production Backend' }).waitFor();
  await visitor.settle();
  const outcomes = await page.locator('tbody .pill').allTextContents();
  assert.ok(outcomes.length > 0 && outcomes.every((text) => text === 'Refused'), outcomes.join());
  await visitor.close();
});

test('the present filter is exported', async () => {
  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(server.owner);
  await visitor.visit('/activity?outcome=refused', 'Activity');
  await page.getByRole('button', { name: 'Export' }).click();
  const dialog = page.getByRole('dialog', { name: 'Export activity' });
  await dialog.getByText('NDJSON').click();
  const [download] = await Promise.all([page.waitForEvent('download'), dialog.getByRole('button', { name: 'Export' }).click()]);
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  const rows = Buffer.concat(chunks).toString().trim().split('\n').map((line) => JSON.parse(line));
  assert.ok(rows.length >= 2 && rows.every((row) => row.outcome === 'refused'));
  await visitor.close();
});
