/** Every page and dialog in both themes: no axe violations, no console errors, no requests to other origins. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Server } from '../support/server.mjs';
import { fixture } from './support/fixture.js';
import { ask, furnish } from './support/world.js';

const { server, open, backend, pipeline, app, member } = await fixture({
  start: () => Server.withOwner({ KEYWRIGHT_SIGNUP: 'open' }),
  async prepare(server) {
    const made = await furnish(server);
    await server.person('developer', 'grace');
    const member = await server.person('member', 'mia');
    await server.call('POST', '/v1/invitations', { email: 'ken@example.com', role: 'viewer' });
    const app = await server.call('POST', '/v1/clients', {
      name: 'Embedded dashboards',
      access: [{ api: 'afdb', scopes: ['queries:read'] }],
      redirect_uris: ['http://127.0.0.1/callback'],
      post_logout_redirect_uris: ['https://yourapp.com/bye'],
    });
    return { ...made, member, app };
  },
});

const DOORS = [
  ['/sign-in', 'Sign in'],
  ['/sign-up', 'Create an account'],
  ['/setup', 'Set up Keywright'],
  ['/setup#token=abc', 'Set up Keywright'],
  ['/invitation', 'Join'],
  ['/invitation#token=abc', 'Join'],
  ['/forgotten-password', 'Forgotten password'],
  ['/reset-password', 'New password'],
  ['/reset-password#token=abc', 'New password'],
  ['/verify-email', 'Confirm your address'],
  ['/confirm', 'Confirm your account'],
  ['/confirm#token=abc', 'Confirm your account'],
  ['/signed-out', 'You are signed out'],
];

const inside = () => [
  ['/', 'Overview'],
  ['/keys', 'API keys'],
  ['/keys?q=nothing-like-it', 'API keys'],
  [`/keys?key=${backend.id}`, 'API keys'],
  [`/keys/${backend.id}`, 'Production Backend'],
  ['/keys/key_none', 'API key'],
  ['/activity', 'Activity'],
  ['/activity?outcome=refused', 'Activity'],
  ['/activity?q=nothing-like-it', 'Activity'],
  ['/apis', 'APIs'],
  ...['scopes', 'limits', 'routes', 'members', 'protect', 'identity'].map((tab) => [`/apis/afdb?tab=${tab}`, 'AI for Database']),
  ['/apps', 'OAuth apps'],
  [`/apps/${app.id}`, 'Embedded dashboards'],
  ['/team', 'Team'],
  ['/signing-keys', 'Signing keys'],
  ['/settings', 'Settings'],
  ...['profile', 'security', 'sessions', 'apps'].map((tab) => [`/account?tab=${tab}`, 'Your account']),
];

/** Pages that navigation alone does not show; the tests below open them. */
const ELSEWHERE = ['/consent'];

/** A path, the button to press, and the dialog or panel that opens. */
const dialogs = () => [
  ['/keys?create=1', [], 'Create API key'],
  [`/keys/${backend.id}`, ['Change'], 'Change Production Backend'],
  [`/keys/${backend.id}`, ['Rotate'], 'Rotate Production Backend'],
  [`/keys/${backend.id}`, ['Disable'], 'Disable Production Backend?'],
  [`/keys/${backend.id}`, ['Revoke'], 'Revoke Production Backend?'],
  ['/activity', ['Export'], 'Export activity'],
  ['/apis?create=1', [], 'Add API'],
  ['/apis/afdb?tab=scopes', ['Change'], 'Scopes of AI for Database'],
  ['/apis/afdb?tab=scopes', ['Change 2'], 'Presets of AI for Database'],
  ['/apis/afdb?tab=limits', ['Change'], 'Tiers of AI for Database'],
  ['/apis/afdb?tab=routes', ['Change'], 'Routes of AI for Database'],
  ['/apis/afdb?tab=members', ['Change'], 'People and roles of AI for Database'],
  ['/apis/afdb?tab=identity', ['Change'], 'Change AI for Database'],
  ['/apis/afdb', ['Remove'], 'Remove AI for Database?'],
  ['/apps?create=1', [], 'Register app'],
  [`/apps/${app.id}`, ['Change'], 'Change Embedded dashboards'],
  [`/apps/${app.id}`, ['Rotate'], 'Rotate'],
  [`/apps/${app.id}`, ['Remove'], 'Remove Embedded dashboards?'],
  ['/team?create=1', [], 'Invite'],
  [`/team?person=${member.id}`, ['Change role'], 'Role of mia'],
  [`/team?person=${member.id}`, ['Password link'], 'A link for a new password'],
  [`/team?person=${member.id}`, ['Disable'], 'Disable mia?'],
  [`/team?person=${member.id}`, ['Remove'], 'Remove mia?'],
  ['/signing-keys', ['Rotate'], 'Rotate the signing key?'],
  ['/settings', ['Require it'], 'Require a second factor?'],
  ['/account?tab=security', ['Set up'], 'Second factor'],
  ['/account?tab=sessions', ['Sign out everywhere'], 'Sign out everywhere?'],
];

test('the lists here name every page of the dashboard', () => {
  const source = readFileSync('../../ui/src/app/routes.ts', 'utf8');
  const paths = [...source.matchAll(/\{ path: '([^']+)'/g)].map(([, path]) => path);
  assert.ok(paths.length > 20, 'the table of routes was found');
  const visited = [...DOORS, ...inside()].map(([path]) => new URL(path, server.url).pathname).concat(ELSEWHERE);
  const missing = paths.filter((path) => !visited.some((one) => new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`).test(one)));
  assert.deepEqual(missing, []);
});

test('pages before sign-in', async () => {
  const visitor = await open();
  for (const [path, heading] of DOORS) {
    await visitor.page.goto('about:blank');
    await visitor.visit(path, heading);
    await visitor.axe(path);
  }
  await visitor.close();
});

test('pages of an owner', async () => {
  const visitor = await open();
  visitor.expect(/404 .*key_none/);
  await visitor.signIn(server.owner);
  for (const [path, heading] of inside()) {
    await visitor.visit(path, heading);
    await visitor.axe(path);
  }
  await visitor.close();
});

test('dialogs and panels of an owner', async () => {
  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(server.owner);
  for (const [path, presses, title] of dialogs()) {
    await page.goto(path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await visitor.settle();
    for (const press of presses) {
      const [, name, place = '1'] = /^(.*?)(?: (\d))?$/.exec(press);
      await page.getByRole('main').getByRole('button', { name, exact: true }).nth(Number(place) - 1).click();
    }
    await page.getByRole('dialog', { name: title }).waitFor();
    for (const summary of await page.getByRole('dialog').locator('summary').all()) await summary.click();
    await visitor.axe(`${path}, ${title}`);
  }
  await visitor.close();
});

test('what is shown once, search, menus and the panel of a row', async () => {
  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(server.owner);
  await page.goto(`/keys/${pipeline.id}`);
  await page.getByRole('button', { name: 'Rotate' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
  await page.getByRole('dialog', { name: 'Copy the new secret now' }).waitFor();
  await visitor.axe('a secret that is shown once');
  await page.getByRole('button', { name: 'I have stored it' }).click();
  await page.getByText('old, works for').waitFor();

  await page.goto(`/apps/${app.id}`);
  await page.getByRole('button', { name: 'Rotate' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
  await page.getByTestId('secret').waitFor();
  await visitor.axe('an app’s secret');
  await page.getByRole('button', { name: 'I have stored it' }).click();

  // A key press before the page has its listeners is lost.
  await visitor.visit('/activity', 'Activity');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('pro');
  await page.getByRole('option', { name: /Production Backend/ }).waitFor();
  await visitor.axe('search');
  await page.keyboard.press('Escape');
  for (const chip of ['Any time', 'Outcome', 'Key', 'Address']) {
    await page.getByRole('search').getByRole('button', { name: chip, exact: true }).click();
    await visitor.settle();
    await visitor.axe(`the menu of ${chip}`);
    await page.keyboard.press('Escape');
  }
  await page.locator('tbody').getByRole('link').first().click();
  await page.getByRole('complementary', { name: 'Why' }).waitFor();
  await visitor.axe('why');
  await visitor.close();
});

test('pages of a member, and a page that is not for them', async () => {
  const visitor = await open();
  const { page } = visitor;
  await visitor.signIn(member);
  await visitor.visit('/keys', 'API keys');
  await visitor.axe('a member’s empty list');
  const key = await page.evaluate(ask, ['POST', '/v1/keys', { api: 'afdb', name: 'My laptop', scopes: ['queries:read'], user_id: member.id }]);
  for (const [path, heading] of [
    ['/keys', 'API keys'],
    [`/keys/${key.id}`, 'My laptop'],
    ['/keys?create=1', 'API keys'],
    ['/team', 'Not for your role'],
    ...['profile', 'security', 'sessions', 'apps'].map((tab) => [`/account?tab=${tab}`, 'Your account']),
  ]) {
    await visitor.visit(path, heading);
    await visitor.axe(`${path} of a member`);
    const dead = await page.getByRole('main').locator('a[href^="/team"], a[href^="/apis"], a[href^="/activity"], a[href^="/apps"]').count();
    assert.equal(dead, 0, `${path} has links to where a member may not go`);
  }
  await visitor.close();
});

test('consent, and the pages that the OAuth endpoints show themselves', async () => {
  const visitor = await open();
  const { page } = visitor;
  visitor.expect(/status of 400/);
  await visitor.signIn(member);
  const authorize = new URLSearchParams({
    response_type: 'code', client_id: app.client_id, redirect_uri: 'http://127.0.0.1:5000/callback', scope: 'queries:read', code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256',
  });
  await page.goto(`/oauth/authorize?${authorize}`);
  await page.getByRole('heading', { name: 'Allow Embedded dashboards?' }).waitFor();
  await page.getByText('a program on this device').waitFor();
  await visitor.axe('consent');
  await visitor.visit('/consent', 'Allow access');
  await visitor.axe('consent without a request');
  await visitor.visit('/oauth/authorize?client_id=nobody', 'This request cannot go on');
  await visitor.axe('a request that cannot go on');
  await visitor.visit(`/oauth/logout?client_id=${app.client_id}`, 'Sign out?');
  await visitor.axe('sign out?');
  await visitor.close();
});

test('every page on a phone', async () => {
  const visitor = await open({ viewport: { width: 390, height: 800 } });
  visitor.expect(/404 .*key_none/);
  for (const [path, heading] of DOORS) {
    await visitor.visit(path, heading);
    await visitor.fits(path);
  }
  await visitor.signIn(server.owner);
  for (const [path, heading] of inside()) {
    await visitor.visit(path, heading);
    await visitor.axe(`${path} on a phone`);
    await visitor.fits(path);
  }
  await visitor.close();
});
