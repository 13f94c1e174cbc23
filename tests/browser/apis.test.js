/** The page of an API: how to protect it, which route matches a request, scopes of roles. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { BINARY } from '../support/server.mjs';
import { fixture } from './support/fixture.js';
import { AFDB, furnish } from './support/world.js';

const { server, open } = await fixture({ prepare: furnish });

test('the proxy’s configuration is what the command prints', async () => {
  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(server.owner);
  await visitor.visit('/apis/afdb?tab=protect', 'AI for Database');
  await page.getByLabel('The service behind it').fill('http://127.0.0.1:4567');
  await page.getByLabel('Where the proxy listens').fill('127.0.0.1:8765');
  for (const [tab, proxy] of [['nginx', 'nginx'], ['Caddy', 'caddy']]) {
    await page.getByRole('tab', { name: tab }).click();
    const shown = page.getByRole('tabpanel', { name: tab });
    await shown.getByText('8765').first().waitFor();
    const flags = ['proxy-config', proxy, '--api', 'afdb', '--upstream', 'http://127.0.0.1:4567', '--listen', '127.0.0.1:8765', '--data', server.data];
    assert.equal(await shown.locator('code').textContent(), execFileSync(BINARY, flags, { encoding: 'utf8' }));
  }
  visitor.expect(/status of 400/);
  await page.getByLabel('The service behind it').fill('ftp://nowhere');
  await page.locator('.field .bad').waitFor();
  await visitor.close();
});

test('a request is tried on the routes', async () => {
  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(server.owner);
  await visitor.visit('/apis/afdb?tab=routes', 'AI for Database');
  await page.getByLabel('Method').selectOption('POST');
  await page.getByLabel('Path').fill('/v1/queries?limit=10');
  await page.getByRole('button', { name: 'Try' }).click();
  const told = page.getByRole('status').filter({ hasText: 'Needs a credential' });
  assert.match(await told.innerText(), /queries:read[^]*\/v1\/queries/);
  await page.getByRole('row').filter({ hasText: 'decides' }).filter({ hasText: '/v1/queries' }).waitFor();
  await visitor.axe('a request that was tried');
  await page.getByLabel('Method').selectOption('GET');
  await page.getByRole('button', { name: 'Try' }).click();
  await page.getByRole('status').filter({ hasText: 'Refused' }).waitFor();
  await page.getByRole('row').filter({ hasText: 'other method' }).waitFor();
  await visitor.close();
});

test('who opens the roles and saves them takes nothing from anybody', async () => {
  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(server.owner);
  await visitor.visit('/apis/afdb?tab=members', 'AI for Database');
  await page.getByRole('row', { name: 'Owner everything' }).waitFor();
  await page.getByRole('button', { name: 'Change' }).click();
  const dialog = page.getByRole('dialog', { name: 'People and roles of AI for Database' });
  await dialog.getByLabel('Keys that a member may have').fill('3');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  const after = await server.call('GET', '/v1/apis/afdb');
  assert.equal(after.member_max_keys, 3);
  const given = Object.fromEntries(Object.entries(after.role_scopes).filter(([, scopes]) => scopes.length));
  assert.deepEqual(Object.fromEntries(Object.entries(given).map(([role, scopes]) => [role, scopes.toSorted()])),
    Object.fromEntries(Object.entries(AFDB.role_scopes).map(([role, scopes]) => [role, scopes.toSorted()])));
  assert.equal(after.role_scopes.owner, undefined);
  await page.getByRole('row', { name: 'Admin everything' }).waitFor();
  await visitor.close();
});
