/** Per role: an action that the page hides is refused by the server too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixture } from './support/fixture.js';
import { furnish } from './support/world.js';

const { server, open } = await fixture({ prepare: furnish });

const PAGES = {
  Overview: '/',
  Activity: '/activity',
  APIs: '/apis',
  'OAuth apps': '/apps',
  Team: '/team',
  'Signing keys': '/signing-keys',
  Settings: '/settings',
};
const READS = ['Overview', 'Activity', 'APIs', 'OAuth apps', 'Team'];
/** Navigation items and buttons of each role. */
const ROLES = {
  admin: { pages: Object.keys(PAGES), buttons: ['Create API key', 'Add API', 'Register app', 'Invite'] },
  developer: { pages: READS, buttons: ['Create API key', 'Register app'] },
  viewer: { pages: READS, buttons: [] },
  member: { pages: [], buttons: ['Create API key'] },
};
/** The page of each button, and its API call. */
const BUTTONS = {
  'Create API key': { at: '/keys', call: ['POST', '/v1/keys', { api: 'afdb', name: 'x', scopes: ['queries:write'] }] },
  'Add API': { at: '/apis', call: ['POST', '/v1/apis', { slug: 'x', name: 'x' }] },
  'Register app': { at: '/apps', call: ['POST', '/v1/clients', { name: 'x' }] },
  Invite: { at: '/team', call: ['POST', '/v1/invitations', { email: 'x@example.com', role: 'viewer' }] },
};
/** The first API call of a page. */
const READ_BY = {
  Activity: '/v1/activity',
  'OAuth apps': '/v1/clients',
  Team: '/v1/users',
  'Signing keys': '/v1/signing-keys',
};

for (const [role, may] of Object.entries(ROLES)) {
  test(`${role}: sees what it may, and the server refuses the rest`, async () => {
    const visitor = await open();
    visitor.expect(/status of 403/);
    await visitor.signIn(await server.person(role));
    const links = await visitor.page.getByRole('navigation', { name: 'Main' }).getByRole('link').allTextContents();
    for (const [name, path] of Object.entries(PAGES)) {
      const shown = links.some((text) => text.trim() === name);
      assert.equal(shown, may.pages.includes(name), `${name} for ${role}`);
      if (shown) continue;
      if (path !== '/') {
        await visitor.page.goto(path);
        await visitor.page.getByText('Your role does not include this page').waitFor();
      }
      if (READ_BY[name]) assert.equal(await status(visitor.page, 'GET', READ_BY[name]), 403, `${READ_BY[name]} for ${role}`);
    }
    for (const [name, { at, call }] of Object.entries(BUTTONS)) {
      if (may.buttons.includes(name)) {
        await visitor.page.goto(at);
        await visitor.page.getByRole('button', { name }).first().waitFor();
        continue;
      }
      await visitor.page.goto(at);
      await visitor.page.getByRole('heading', { level: 1 }).waitFor();
      assert.equal(await visitor.page.getByRole('button', { name }).count(), 0, `${name} for ${role}`);
      assert.equal(await status(visitor.page, ...call), 403, `${call[1]} for ${role}`);
    }
    await visitor.close();
  });
}

/** Status of a call with the page's own session. */
function status(page, method, path, body) {
  return page.evaluate(
    async ([verb, to, content]) => {
      const { csrf_token: csrf } = await (await fetch('/v1/auth/session')).json();
      const response = await fetch(to, {
        method: verb,
        headers: { 'X-CSRF-Token': csrf, 'Content-Type': 'application/json' },
        body: content && JSON.stringify(content),
      });
      return response.status;
    },
    [method, path, body],
  );
}
