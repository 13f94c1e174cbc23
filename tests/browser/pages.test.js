/** Every page in both themes: nothing for axe to find, nothing in the console, no request to another origin. */
import { after, before, test } from 'node:test';
import { launch, Visitor } from './support/browser.js';
import { Server } from './support/server.js';
import { furnish } from './support/world.js';

let server;
let browser;
let made;
let app;
before(async () => {
  server = await Server.withOwner({ KEYWRIGHT_SIGNUP: 'open' });
  browser = await launch();
  made = await furnish(server);
  await server.person('developer', 'grace');
  await server.call('POST', '/v1/invitations', { email: 'ken@example.com', role: 'viewer' });
  app = await server.call('POST', '/v1/clients', {
    name: 'Embedded dashboards',
    access: [{ api: 'afdb', scopes: ['queries:read'] }],
    redirect_uris: ['https://yourapp.com/callback'],
  });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const doors = [
  ['/sign-in', 'Sign in'],
  ['/sign-up', 'Create an account'],
  ['/setup', 'Set up Keywright'],
  ['/invitation#token=abc', 'Join'],
  ['/forgotten-password', 'Forgotten password'],
  ['/reset-password#token=abc', 'New password'],
  ['/verify-email', 'Confirm your address'],
  ['/confirm#token=abc', 'Confirm your account'],
  ['/signed-out', 'You are signed out'],
  ['/oauth-error?error=invalid_request', 'This request cannot go on'],
];

const inside = () => [
  ['/', 'Overview'],
  ['/keys', 'API keys'],
  [`/keys?key=${made.backend.id}`, 'API keys'],
  ['/keys?create=1', 'API keys'],
  [`/keys/${made.backend.id}`, 'Production Backend'],
  ['/activity', 'Activity'],
  ['/activity?outcome=refused', 'Activity'],
  ['/apis', 'APIs'],
  ['/apis?create=1', 'APIs'],
  ...['scopes', 'limits', 'routes', 'members', 'protect', 'identity'].map((tab) => [`/apis/afdb?tab=${tab}`, 'AI for Database']),
  ['/apps', 'OAuth apps'],
  ['/apps?create=1', 'OAuth apps'],
  [`/apps/${app.id}`, 'Embedded dashboards'],
  ['/team', 'Team'],
  ['/team?create=1', 'Team'],
  ['/signing-keys', 'Signing keys'],
  ['/settings', 'Settings'],
  ...['profile', 'security', 'sessions', 'apps'].map((tab) => [`/account?tab=${tab}`, 'Your account']),
  ['/keys/key_none', 'API key'],
];

for (const colorScheme of ['light', 'dark']) {
  test(`pages before sign-in, ${colorScheme}`, async () => {
    const visitor = await Visitor.open(browser, server, { colorScheme });
    for (const [path, heading] of doors) {
      await visitor.visit(path, heading);
      await visitor.axe(path);
    }
    await visitor.close();
  });

  test(`pages of an owner, ${colorScheme}`, async () => {
    const visitor = await Visitor.open(browser, server, { colorScheme });
    visitor.expect(/404 .*key_none/);
    await visitor.signIn(server.owner);
    for (const [path, heading] of inside()) {
      await visitor.visit(path, heading);
      await visitor.axe(path);
    }
    await visitor.close();
  });

  test(`on a phone, ${colorScheme}`, async () => {
    const visitor = await Visitor.open(browser, server, { colorScheme, viewport: { width: 390, height: 800 } });
    await visitor.signIn(server.owner);
    for (const [path, heading] of [['/', 'Overview'], ['/keys', 'API keys'], ['/activity', 'Activity']]) {
      await visitor.visit(path, heading);
      await visitor.axe(`${path} on a phone`);
    }
    await visitor.close();
  });
}
