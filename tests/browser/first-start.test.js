/** From an empty data directory to a verified key, in the browser alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server } from '../support/server.mjs';
import { fixture } from './support/fixture.js';

const { server, open } = await fixture({ start: () => Server.empty() });

test('first start to a verified key', async () => {
  const link = server.setupLink();
  const visitor = await open();
  const { page } = visitor;

  await page.goto(link);
  await page.getByLabel('Email').fill('ada@example.com');
  await page.getByLabel('Password').fill('correct horse battery staple');
  assert.ok(!page.url().includes('token'), 'the token does not stay in the address');
  await page.getByRole('button', { name: 'Create owner' }).click();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();

  await page.getByRole('link', { name: 'Add API' }).click();
  await page.getByLabel('Name').fill('AI for Database');
  await page.getByLabel('Slug').fill('afdb');
  await page.getByLabel('Scopes').fill('queries:read Run queries and view results\nqueries:write Save and delete queries');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'AI for Database' }).waitFor();

  const service = await create(page, { name: 'The service', api: 'Keywright', scopes: ['keys:verify'] });
  const key = await create(page, { name: 'Production Backend', api: 'AI for Database', scopes: ['queries:read'] });
  assert.match(key, /^afdb_live_[0-9A-Za-z]{38}$/);
  const answer = await server.call('POST', '/v1/keys/verify', { key, api: 'afdb', scopes: 'queries:read' }, service);
  assert.equal(answer.code, 'VALID');
  assert.equal(answer.name, 'Production Backend');
  await visitor.close();
});

async function create(page, { name, api, scopes }) {
  await page.goto('/keys?create=1');
  const dialog = page.getByRole('dialog', { name: 'Create API key' });
  await dialog.getByLabel('API', { exact: true }).selectOption({ label: api });
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  for (const scope of scopes) await dialog.getByRole('checkbox', { name: scope }).check();
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  const shown = page.getByRole('dialog', { name: 'Copy your key now' });
  const secret = await shown.getByTestId('secret').textContent();
  for (const [tab, text] of [['cmd', 'set '], ['PowerShell', '$env:'], ['Python', 'import requests']]) {
    await shown.getByRole('tab', { name: tab }).click();
    await shown.getByText(text).first().waitFor();
  }
  await page.keyboard.press('Escape');
  await shown.getByRole('button', { name: 'I have stored it' }).click();
  await shown.waitFor({ state: 'detached' });
  await page.getByRole('link', { name, exact: true }).waitFor();
  assert.ok(!(await page.content()).includes(secret), 'the key is nowhere on the page any more');
  return secret;
}
