/** The server and the browser of a test file, stopped when its tests have ended. */
import { after } from 'node:test';
import { Server } from '../../support/server.mjs';
import { launch, Visitor } from './browser.js';

/**
 * Starts both. `start` makes another server than one with an owner; `prepare` adds what the tests need, and its members
 * come back beside `server`, `browser`, and `open`, which gives a visitor.
 */
export async function fixture({ start = () => Server.withOwner(), prepare = () => ({}) } = {}) {
  let server;
  let browser;
  const stop = async () => {
    await browser?.close();
    await server?.stop();
  };
  try {
    server = await start();
    browser = await launch();
    const made = await prepare(server);
    after(stop);
    return { ...made, server, browser, open: (options) => Visitor.open(browser, server, options) };
  } catch (error) {
    await stop();
    throw error;
  }
}
