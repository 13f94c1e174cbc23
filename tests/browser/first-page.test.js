/** The first page after sign-in is small, and usable with the keyboard alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixture } from './support/fixture.js';
import { furnish } from './support/world.js';

const MOST_BYTES_OF_SCRIPT = 80_000;

const { server, open, backend } = await fixture({ prepare: furnish });

test('its scripts weigh at most 80 kB, compressed', async () => {
  const visitor = await open();
  const { page, context } = visitor;
  await visitor.signIn(server.owner);
  const cdp = await context.newCDPSession(page);
  await cdp.send('Network.enable');
  await cdp.send('Network.setCacheDisabled', { cacheDisabled: true });
  const scripts = new Map();
  cdp.on('Network.responseReceived', ({ requestId, type, response }) => {
    if (type !== 'Script') return;
    scripts.set(requestId, { url: response.url, encoding: response.headers['content-encoding'], bytes: 0 });
  });
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const script = scripts.get(requestId);
    if (script) script.bytes = encodedDataLength;
  });
  await visitor.visit('/', 'Overview');
  await page.waitForLoadState('networkidle');
  const all = [...scripts.values()];
  const total = all.reduce((sum, { bytes }) => sum + bytes, 0);
  console.log(`${all.length} scripts, ${(total / 1000).toFixed(1)} kB`);
  assert.ok(all.length > 5 && all.every(({ bytes, encoding }) => bytes > 0 && encoding), 'every script came compressed');
  assert.ok(total <= MOST_BYTES_OF_SCRIPT, `${total} bytes: ${all.map(({ url, bytes }) => `${url.split('/').pop()} ${bytes}`).join(', ')}`);
  await visitor.close();
});

test('from sign-in to a key and back with the keyboard alone', async () => {
  const visitor = await open();
  const { page } = visitor;
  const keys = page.keyboard;
  await page.goto('/sign-in');
  await page.getByLabel('Email').waitFor();
  await keys.type(server.owner.email);
  await keys.press('Tab');
  await keys.type(server.owner.password);
  await keys.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();

  await keys.press('Control+k');
  await page.getByRole('combobox').waitFor();
  await keys.type('Pipeline');
  await page.getByRole('option', { name: /CI Pipeline/, selected: true }).waitFor();
  await keys.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'CI Pipeline' }).waitFor();
  await page.locator('main:focus').waitFor();

  await page.goto('/keys');
  await page.getByRole('link', { name: 'Production Backend' }).focus();
  await keys.press('Enter');
  const panel = page.getByRole('complementary', { name: 'Key' });
  await panel.getByRole('heading', { name: 'Production Backend' }).waitFor();
  await keys.press('Escape');
  await panel.waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Production Backend', 'the focus is where it was');

  await page.getByRole('button', { name: 'Create API key' }).focus();
  await keys.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Create API key' });
  await dialog.waitFor();
  await keys.type('By keyboard');
  for (let step = 0; step < 30; step += 1) {
    await keys.press('Tab');
    const inside = await dialog.evaluate((element) => element.contains(document.activeElement) || document.activeElement === document.body);
    assert.ok(inside, 'the focus stays in the dialog');
  }
  await keys.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ''), /Create API key/);

  await page.goto(`/activity?key=${backend.id}`);
  const rows = page.locator('tbody').getByRole('link');
  await rows.nth(2).waitFor();
  await rows.first().focus();
  await keys.press('Enter');
  const first = new URL(page.url()).searchParams.get('row');
  await keys.press('ArrowDown');
  await page.waitForURL((url) => url.searchParams.get('row') !== first);
  await page.getByRole('complementary', { name: 'Why' }).waitFor();
  await keys.press('Escape');
  await page.waitForURL((url) => !url.searchParams.has('row'));
  await visitor.close();
});

test('times are in the reader’s zone, with the exact UTC in the tooltip', async () => {
  const visitor = await open({ timezoneId: 'Asia/Kathmandu' });
  const { page } = visitor;
  await visitor.signIn(server.owner);
  await visitor.visit('/activity', 'Activity');
  const time = page.locator('tbody time').first();
  const [shown, exact, at] = await time.evaluate((element) => [element.textContent, element.title, element.dateTime]);
  const moment = new Date(at);
  assert.equal(exact, `${moment.toISOString().replace('T', ' ').replace('Z', '')} UTC`);
  // Nepal is 5:45 ahead.
  assert.equal(shown, new Date(moment.getTime() + 345 * 60_000).toISOString().slice(11, 23));
  await visitor.close();
});
