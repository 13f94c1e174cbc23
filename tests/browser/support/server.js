/** The real binary with a data directory and a port of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const BINARY = resolve(process.env.KEYWRIGHT ?? '../../target/quick/keywright');

/** A free port. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A running server; `url` is its address, `printed()` its output so far. */
export class Server {
  /** An empty data directory, or a copy of a store without people: the server prints a set-up link. */
  static async empty(environment = {}, store = undefined) {
    const data = await mkdtemp(join(tmpdir(), 'keywright-browser-'));
    if (store) await cp(store, data, { recursive: true });
    const server = await new Server(data).start(environment);
    await server.until(async () => server.setupLink() !== undefined, 'no set-up link was printed');
    return server;
  }

  /** A server with an owner, and a management key with all rights. */
  static async withOwner(environment = {}, store = undefined) {
    const server = await Server.empty(environment, store);
    const token = server.setupLink().split('#token=')[1];
    server.owner = { email: 'ada@example.com', password: 'correct horse battery staple' };
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
    return server;
  }

  /** The demo, with the owner that it prints. */
  static async demo() {
    const data = await mkdtemp(join(tmpdir(), 'keywright-browser-'));
    const server = new Server(data, ['--demo']);
    await server.start({});
    const printed = () => /Sign in\s+(\S+@\S+)\s+(\S.*)/.exec(server.output);
    await server.until(async () => printed() !== null, 'the demo does not say how to sign in');
    const [, email, password] = printed();
    server.owner = { email, password: password.trim() };
    return server;
  }

  constructor(data, flags = []) {
    this.data = data;
    this.flags = flags;
    this.output = '';
  }

  /** The one-time link that the server printed. */
  setupLink() {
    return /http:\/\/\S+\/setup#token=\S+/.exec(this.output)?.[0];
  }

  async start(environment) {
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    this.child = spawn(BINARY, ['serve', ...this.flags, '--data', this.data, '--listen', `127.0.0.1:${port}`], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (chunk) => (this.output += chunk));
    await this.until(async () => (await fetch(`${this.url}/readyz`)).ok, 'the server does not answer');
    return this;
  }

  /** Waits until `check` returns true. */
  async until(check, complaint, milliseconds = 15_000) {
    const end = Date.now() + milliseconds;
    for (;;) {
      if (this.child.exitCode !== null) throw new Error(`the server ended:\n${this.output}`);
      if (await check().catch(() => false)) return;
      if (Date.now() > end) throw new Error(`${complaint}\n${this.output}`);
      await new Promise((later) => setTimeout(later, 25));
    }
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

  /** The link to `page` in a mail to `address`: without a mail server, mail is in the data directory. */
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
    if (this.child.exitCode === null) {
      this.child.kill('SIGTERM');
      await once(this.child, 'exit');
    }
    await rm(this.data, { recursive: true, force: true });
  }
}
