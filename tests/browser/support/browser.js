/** Chromium that fails the test on console errors and requests to other origins. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A browser with an empty profile. */
export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });

/** A window with cookies of its own, observed for errors. */
export class Visitor {
  static async open(browser, server, options = {}) {
    // Without motion, so that no colour is checked during a transition.
    const context = await browser.newContext({ baseURL: server.url, viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    return new Visitor(context, page, server);
  }

  constructor(context, page, server) {
    this.context = context;
    this.page = page;
    this.server = server;
    this.faults = [];
    this.expected = [];
    this.watch(page);
  }

  watch(page) {
    page.setDefaultTimeout(8_000);
    page.on('pageerror', (error) => this.faults.push(`page error: ${error.message}`));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.faults.push(`console: ${message.text()} ${message.location().url}`);
    });
    page.on('request', (request) => {
      const url = request.url();
      if (!/^(data|blob):/.test(url) && new URL(url).origin !== this.server.url) this.faults.push(`foreign request: ${url}`);
    });
  }

  /** A refusal that the test causes: the browser itself logs it to the console. */
  expect(pattern) {
    this.expected.push(pattern);
  }

  async signIn({ email, password }) {
    await this.page.goto('/sign-in');
    await this.page.getByLabel('Email').fill(email);
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await this.page.getByRole('main').getByRole('heading', { level: 1 }).filter({ hasNotText: 'Sign in' }).waitFor();
  }

  /** Opens a page and waits until its heading and data are shown. */
  async visit(path, heading) {
    await this.page.goto(path);
    await this.page.getByRole('heading', { level: 1, name: heading }).waitFor();
    await this.settle();
  }

  /** Waits until no request is in flight. */
  async settle() {
    await this.page.waitForFunction(() => !document.querySelector('.skeleton') && document.fonts.status === 'loaded');
  }

  /** Records axe violations of the current page, in both themes. */
  async axe(where) {
    await this.page.evaluate(AXE);
    for (const colorScheme of ['light', 'dark']) {
      await this.page.emulateMedia({ colorScheme });
      const { looked, found } = await this.page.evaluate(async () => {
        const { passes, violations } = await window.axe.run(document, { resultTypes: ['violations'] });
        const told = ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} (${node.failureSummary?.split('\n')[1]?.trim()})`).join('; ')}`;
        return { looked: passes.length, found: violations.map(told) };
      });
      assert.ok(looked > 10, `axe looked at next to nothing on ${where}`);
      this.faults.push(...found.map((fault) => `axe on ${where}, ${colorScheme}: ${fault}`));
    }
  }

  /** Records whether the page is wider than the window. */
  async fits(where) {
    const over = await this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) this.faults.push(`${where} is ${over} px too wide`);
  }

  async close() {
    await this.context.close();
    const faults = this.faults.filter((fault) => !this.expected.some((pattern) => pattern.test(fault)));
    assert.deepEqual(faults, [], 'the browser had something to complain about');
  }
}

