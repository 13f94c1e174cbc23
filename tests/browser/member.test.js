/** An end user signs up and makes a key of their own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Server } from '../support/server.mjs';
import { fixture } from './support/fixture.js';
import { furnish } from './support/world.js';

const { server, open } = await fixture({ start: () => Server.withOwner({ KEYWRIGHT_SIGNUP: 'open' }), prepare: furnish });

test('a member signs up, makes a key, and sees nothing but their own', async () => {
  const visitor = await open();
  const { page } = visitor;
  await page.goto('/sign-in');
  await page.getByRole('link', { name: 'Create an account' }).click();
  await page.getByLabel('Email').fill('mia@example.com');
  await page.getByRole('button', { name: 'Send me a link' }).click();
  await page.getByRole('status').getByText('A mail is on its way').waitFor();

  await page.goto(await server.mailedLink('mia@example.com', 'confirm'));
  await page.getByLabel('Name').fill('Mia');
  await page.getByLabel('Password').fill('mia has a long password');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('heading', { level: 1, name: 'API keys' }).waitFor();
  const links = await page.getByRole('navigation', { name: 'Main' }).getByRole('link').allTextContents();
  assert.deepEqual(links.map((text) => text.trim()), ['API keys', 'API reference', 'Mia']);
  await page.getByText('No keys yet').waitFor();

  await page.getByRole('button', { name: 'Create API key' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Create API key' });
  await dialog.getByLabel('Name', { exact: true }).fill('My laptop');
  await dialog.getByRole('checkbox', { name: 'queries:read' }).check();
  assert.equal(await dialog.getByRole('checkbox', { name: 'queries:write' }).count(), 0, 'what the role lacks is not offered');
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  const key = await page.getByTestId('secret').textContent();
  await page.getByRole('button', { name: 'I have stored it' }).click();
  const answer = await server.call('POST', '/v1/keys/verify', { key, api: 'afdb', scopes: 'queries:read' });
  assert.equal(answer.code, 'VALID');
  assert.ok(answer.user_id, 'it is their own');

  await page.getByRole('link', { name: 'My laptop' }).click();
  await page.getByRole('link', { name: 'Open key' }).click();
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('My laptop');
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.locator('.head').getByText('Revoked').waitFor();
  assert.equal((await server.call('POST', '/v1/keys/verify', { key, api: 'afdb' })).code, 'REVOKED');
  await visitor.close();
});
