/** Screenshots of the main pages for the README, from the demo. Run by `make screenshots`. */
import { mkdir } from 'node:fs/promises';
import { Server } from '../support/server.mjs';
import { launch, Visitor } from './support/browser.js';

const DIRECTORY = process.argv[2] ?? '../../docs/screenshots';
const PAGES = [
  ['overview', '/', 'Overview'],
  ['keys', '/keys', 'API keys', async (page) => page.getByRole('link', { name: 'Production Backend' }).first().click()],
  ['create-key', '/keys?create=1', 'API keys', async (page) => page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('CI Pipeline')],
  ['activity', '/activity?outcome=refused', 'Activity', async (page) => page.locator('tbody').getByRole('link').nth(1).click()],
  ['protect', '/apis/afdb?tab=protect', 'AI for Database'],
];

const server = await Server.demo();
const browser = await launch();
try {
  await mkdir(DIRECTORY, { recursive: true });
  const visitor = await Visitor.open(browser, server, { viewport: { width: 1280, height: 800 } });
  await visitor.signIn(server.owner);
  for (const [name, path, heading, prepare] of PAGES) {
    await visitor.visit(path, heading);
    await prepare?.(visitor.page);
    await visitor.settle();
    await visitor.page.waitForLoadState('networkidle', { timeout: 1_000 }).catch(() => {});
    await visitor.page.screenshot({ path: `${DIRECTORY}/${name}.png` });
  }
  await visitor.close();
} finally {
  await browser.close();
  await server.stop();
}
