/** An act that needs a recent sign-in asks for the password in place, and then completes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixture } from './support/fixture.js';

const { server, open } = await fixture();

test('an invitation is sent after the password was confirmed', async () => {
  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(server.owner);
  await visitor.visit('/team', 'Team');
  visitor.expect(/status of 40[13]/);
  // The clock of a real program does not advance: the first response is replaced by the one after 15 minutes.
  let sent = 0;
  await page.route('**/v1/invitations', async (route) => {
    if (route.request().method() !== 'POST' || ++sent > 1) return route.continue();
    const error = { code: 'REAUTHENTICATION_REQUIRED', message: 'Confirm your identity', details: { max_age_seconds: 900, methods: ['password'] }, request_id: 'req_1' };
    return route.fulfill({ status: 403, contentType: 'application/json', body: JSON.stringify({ success: false, error }) });
  });
  await page.getByRole('button', { name: 'Invite' }).first().click();
  const invite = page.getByRole('dialog', { name: 'Invite a person' });
  await invite.getByLabel('Email').fill('new@example.com');
  await invite.getByRole('button', { name: 'Invite' }).click();
  const confirm = page.getByRole('dialog', { name: 'Confirm that it is you' });
  await confirm.getByLabel('Password').fill('not the password');
  await confirm.getByRole('button', { name: 'Confirm' }).click();
  await confirm.getByRole('alert').waitFor();
  await visitor.axe('the dialog that confirms an identity');
  await confirm.getByLabel('Password').fill(server.owner.password);
  await confirm.getByRole('button', { name: 'Confirm' }).click();
  await page.getByRole('dialog', { name: 'Invitation created' }).waitFor();
  assert.equal(sent, 2);
  await visitor.close();
});
