/** Account management by its owner: second factor, sessions, and mailed links. */
import { test } from 'node:test';
import { fixture } from './support/fixture.js';
import { codeOf } from './support/totp.js';
import { furnish } from './support/world.js';

const { server, open } = await fixture({ prepare: furnish });

test('who must have a second factor sets it up first, and signs in with it from then on', async (t) => {
  t.after(() => server.call('PATCH', '/v1/settings', { second_factor_required: false }));
  const admin = await server.person('admin', 'lin');
  const owner = await open();
  await owner.signIn(server.owner);
  await owner.visit('/settings', 'Settings');
  await owner.page.getByRole('button', { name: 'Require it' }).click();
  await owner.page.getByRole('dialog').getByRole('button', { name: 'Require it' }).click();
  await owner.page.getByText('Required for owners and admins').waitFor();
  await owner.close();

  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(admin);
  await page.getByText('A second factor is required here').waitFor();
  await page.goto('/keys');
  await page.getByText('A second factor is required here').waitFor();
  await page.getByRole('button', { name: 'Set up' }).click();
  await page.getByLabel('Your password, once more').fill(admin.password);
  await page.getByRole('button', { name: 'Go on' }).click();
  const seed = await page.locator('.secret code').textContent();
  await visitor.axe('the seed of a second factor');
  await page.getByLabel('Code').fill(codeOf(seed));
  await page.getByRole('button', { name: 'Switch on' }).click();
  await page.getByText('These recovery codes are shown only now').waitFor();
  await visitor.axe('recovery codes');
  const recovery = await page.locator('.codes li').first().textContent();
  await page.getByRole('button', { name: 'I have stored them' }).click();
  await visitor.visit('/keys', 'API keys');

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
  await page.goto('/sign-in');
  visitor.expect(/status of 401/);
  await page.getByLabel('Email').fill(admin.email);
  await page.getByLabel('Password').fill(admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Second factor' }).waitFor();
  await visitor.axe('the second factor at sign-in');
  await page.getByLabel('Code').fill('000000');
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByText('Sign-in failed').waitFor();
  await page.getByLabel('Code').fill(recovery);
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await visitor.close();
});

test('a forgotten password is reset by the link in the mail', async () => {
  const person = await server.person('viewer', 'vera');
  const visitor = await open();
  const { page } = visitor;
  await page.goto('/sign-in');
  await page.getByRole('link', { name: 'Forgotten password' }).click();
  await page.getByLabel('Email').fill(person.email);
  await page.getByRole('button', { name: 'Send link' }).click();
  await page.getByRole('status').getByText('a link is on its way').waitFor();
  await page.goto(await server.mailedLink(person.email, 'reset-password'));
  await page.getByLabel('New password').fill('quite another password');
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('Your password is changed').waitFor();
  await visitor.signIn({ email: person.email, password: 'quite another password' });
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await visitor.close();
});

test('an invitation is accepted, and a session is ended from another one', async () => {
  const owner = await open();
  await owner.signIn(server.owner);
  await owner.visit('/team?create=1', 'Team');
  await owner.page.getByLabel('Email', { exact: true }).fill('noor@example.com');
  await owner.page.getByRole('radio', { name: /Developer/ }).check();
  await owner.page.getByRole('button', { name: 'Invite', exact: true }).last().click();
  const link = await owner.page.getByTestId('link').textContent();
  await owner.axe('an invitation’s link');
  await owner.close();

  const first = await open();
  await first.page.goto(link);
  await first.page.getByLabel('Name').fill('Noor');
  await first.page.getByLabel('Password').fill('noor has a long password');
  await first.page.getByRole('button', { name: 'Join' }).click();
  await first.page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();

  const second = await open();
  await second.signIn({ email: 'noor@example.com', password: 'noor has a long password' });
  await second.visit('/account?tab=sessions', 'Your account');
  await second.page.getByRole('row').filter({ hasNotText: 'this one' }).getByRole('button', { name: 'End' }).click();
  await second.page.getByText('The session has ended').waitFor();
  await second.page.getByRole('button', { name: 'End' }).waitFor({ state: 'detached' });
  await second.close();

  first.expect(/status of 401/);
  await first.page.goto('/keys');
  await first.page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await first.close();
});
