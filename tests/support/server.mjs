/** The real binary on a directory and a port of its own. */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts, Program } from './program.mjs';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BINARY = resolve(process.env.KEYWRIGHT ?? join(ROOT, 'target/quick/keywright'));

const folder = () => mkdtemp(join(tmpdir(), 'keywright-tests-'));

/** A server that answers; `url` is its address. */
export class Server {
  /** An empty data directory, or a copy of a store without people: the server prints a set-up link. */
  static async empty(environment = {}, store = undefined) {
    const server = new Server(await folder());
    if (store) await cp(store, server.data, { recursive: true });
    return server.stoppedOnFailure(async () => {
      await server.start(environment);
      await server.until(() => server.setupLink() !== undefined, 'no set-up link was printed');
    });
  }

  /** A server with an owner, and a management key that may do everything. */
  static async withOwner(environment = {}, store = undefined) {
    const server = await Server.empty(environment, store);
    server.owner = { email: 'ada@example.com', password: 'correct horse battery staple' };
    return server.stoppedOnFailure(async () => {
      const token = server.setupLink().split('#token=')[1];
      const headers = { 'Content-Type': 'application/json', Origin: server.url };
      const setup = await fetch(`${server.url}/v1/setup`, { method: 'POST', headers, body: JSON.stringify({ token, name: 'Ada', ...server.owner }) });
      const { csrf_token: csrf } = await setup.json();
      const made = await fetch(`${server.url}/v1/keys`, {
        method: 'POST',
        headers: { ...headers, Cookie: setup.headers.get('set-cookie').split(';')[0], 'X-CSRF-Token': csrf },
        body: JSON.stringify({ api: 'keywright', name: 'Tests', scopes: ['admin'] }),
      });
      if (!made.ok) throw new Error(`no management key: ${await made.text()}`);
      server.key = (await made.json()).key;
    });
  }

  /** The demo, with the owner that it prints. */
  static async demo() {
    const server = new Server(await folder(), ['--demo']);
    const printed = () => /Sign in\s+(\S+@\S+)\s+(\S.*)/.exec(server.program.output);
    return server.stoppedOnFailure(async () => {
      await server.start({});
      await server.until(() => printed() !== null, 'the demo does not say how to sign in');
      const [, email, password] = printed();
      server.owner = { email, password: password.trim() };
    });
  }

  constructor(data, flags = []) {
    this.data = data;
    this.flags = flags;
  }

  /** The one-time link that the server printed. */
  setupLink() {
    return /http:\/\/\S+\/setup#token=\S+/.exec(this.program.output)?.[0];
  }

  async start(environment) {
    [this.port] = await freePorts(1);
    const listen = `127.0.0.1:${this.port}`;
    this.url = `http://${listen}`;
    this.program = new Program('keywright', BINARY, ['serve', ...this.flags, '--data', this.data, '--listen', listen], { env: environment });
    await this.until(async () => (await fetch(`${this.url}/readyz`)).ok, 'the server does not answer');
  }

  /** The server after `work`, which leaves none behind when it fails. */
  async stoppedOnFailure(work) {
    try {
      await work();
      return this;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Waits until `check` answers true. */
  until(check, complaint) {
    return this.program.until(check, complaint);
  }

  /** Calls the API with the management key, or with `key`. */
  async call(method, path, body, key = this.key) {
    const response = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = response.status === 204 ? null : await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  /** A person with a password, ready to sign in. */
  async person(role, name = role) {
    const account = { email: `${name}@example.com`, password: `${name} has a long password` };
    const user = await this.call('POST', '/v1/users', { ...account, name, role });
    return { ...account, ...user };
  }

  /** The link to `page` in a mail to `address`: without a mail server, mail lies in the data directory. */
  async mailedLink(address, page) {
    let link;
    await this.until(async () => {
      const directory = join(this.data, 'mail');
      for (const name of await readdir(directory)) {
        const mail = (await readFile(join(directory, name), 'utf8')).replaceAll(/=\r?\n/g, '').replaceAll('=3D', '=');
        if (mail.includes(address)) link ??= new RegExp(`http://\\S+/${page}#token=[\\w-]+`).exec(mail)?.[0];
      }
      return link !== undefined;
    }, `no mail to ${address} with a link to ${page}`);
    return link;
  }

  async stop() {
    await this.program?.stop();
    await rm(this.data, { recursive: true, force: true });
  }
}
