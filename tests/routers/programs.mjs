/** The programs of the suite: Keywright, the proxies, and the services with their packages. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = resolve(HERE, '../..');
const TARGET = join(ROOT, 'target');
const BINARY = resolve(process.env.KEYWRIGHT ?? join(TARGET, 'quick/keywright'));
const INSTALLED = join(TARGET, 'tmp/routers');
const SERVICES = join(HERE, 'services');
const run = promisify(execFile);
/** Debian's path of servers. */
const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

/** Distinct free ports. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => server.listening || once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

/** A program of the suite, stopped with all its child processes. */
export class Program {
  constructor(name, command, args, options = {}) {
    this.name = name;
    this.output = '';
    this.child = spawn(command, args, { ...options, env: { ...environment, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.child.on('error', (error) => (this.output += error.message));
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (chunk) => (this.output = (this.output + chunk).slice(-4_000)));
  }

  /** Waits until every port accepts connections. */
  async listening(ports, milliseconds = 60_000) {
    const end = Date.now() + milliseconds;
    for (const port of ports)
      while (!(await takes(port))) {
        if (this.child.exitCode !== null || this.child.pid === undefined) throw new Error(`${this.name} ended:\n${this.output}`);
        if (Date.now() > end) throw new Error(`${this.name} does not answer:\n${this.output}`);
        await new Promise((later) => setTimeout(later, 20));
      }
    return this;
  }

  async stop() {
    if (this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    process.kill(-this.child.pid, 'SIGTERM');
    const late = setTimeout(() => process.kill(-this.child.pid, 'SIGKILL'), 5_000);
    await ended;
    clearTimeout(late);
  }
}

const takes = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => (socket.destroy(), resolve(true)));
    socket.on('error', () => resolve(false));
  });

/** Keywright with the APIs of `tables`, and one key for each set of scopes that a test asks for. */
export class Keywright {
  async start(tables) {
    this.folder = await mkdtemp(join(tmpdir(), 'keywright-routers-'));
    this.data = join(this.folder, 'data');
    [this.port] = await freePorts(1);
    const init = spawn(BINARY, ['init', '--email', 'owner@example.com', '--password-stdin', '--json', '--data', this.data], { stdio: ['pipe', 'pipe', 'inherit'] });
    init.stdin.end('correct horse battery staple\n');
    let printed = '';
    init.stdout.on('data', (chunk) => (printed += chunk));
    await once(init, 'close');
    this.key = JSON.parse(printed).management_key;
    const settings = { KEYWRIGHT_TRUSTED_PROXIES: '127.0.0.1/32', KEYWRIGHT_LISTEN: `127.0.0.1:${this.port}` };
    this.program = await new Program('keywright', BINARY, ['serve', '--data', this.data], { env: settings }).listening([this.port]);
    for (const [slug, routes] of Object.entries(tables)) {
      const ruled = routes.filter((route) => !route.unruled);
      await this.call('POST', '/v1/apis', {
        slug,
        name: slug,
        scopes: ruled.filter((route) => route.scope).map((route) => ({ name: route.scope })),
        tiers: [{ name: 'free', limit: null }],
        routes: ruled.map(({ method, path, scope, public: isPublic }) => ({ method, path, scope, public: isPublic ?? false, environment: 'any' })),
      });
    }
    this.keys = new Map();
    return this;
  }

  /** A key of an API with these scopes: { key, id }. */
  async keyWith(api, scopes) {
    const name = `${api} ${scopes.join(' ')}`;
    if (!this.keys.has(name)) this.keys.set(name, this.call('POST', '/v1/keys', { api, name: name.slice(0, 100), scopes }));
    const made = await this.keys.get(name);
    return { key: made.key, id: made.id };
  }

  async call(method, path, body) {
    const headers = { Authorization: `Bearer ${this.key}`, 'Content-Type': 'application/json' };
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, { method, headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** A proxy with the file that Keywright prints. */
  async proxy(kind, api, upstream) {
    const [port] = await freePorts(1);
    const args = ['proxy-config', kind, '--api', api, '--upstream', `http://127.0.0.1:${upstream}`, '--listen', `127.0.0.1:${port}`, '--data', this.data];
    const { stdout } = await run(BINARY, args);
    const folder = await mkdtemp(join(this.folder, `${kind}-`));
    const file = join(folder, 'proxy.conf');
    await writeFile(file, stdout);
    const home = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
    const program =
      kind === 'nginx'
        ? new Program('nginx', 'nginx', ['-g', 'daemon off;', '-p', folder, '-c', file], { cwd: folder })
        : new Program('caddy', 'caddy', ['run', '--adapter', 'caddyfile', '--config', file], { cwd: folder, env: home });
    await program.listening([port]);
    return { program, port, file: stdout };
  }

  async stop() {
    await this.program.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Installs the packages of a group of services, once for each state of their lists. */
async function installed(name, files, commands) {
  const folder = join(INSTALLED, name);
  await mkdir(folder, { recursive: true });
  const wanted = (await Promise.all(files.map((file) => readFile(join(SERVICES, name, file), 'utf8')))).join('\n');
  const stamp = join(folder, 'installed');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return folder;
  for (const [command, ...args] of commands(folder))
    await run(command, args, { cwd: join(SERVICES, name), env: environment, maxBuffer: 64 << 20 });
  await writeFile(stamp, wanted);
  return folder;
}

const node = () => installed('node', ['package.json', 'package-lock.json'], () => [['npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts']]);
const python = () => installed('python', ['requirements.txt'], (folder) => [['python3', '-m', 'venv', folder], [join(folder, 'bin/python'), '-m', 'pip', 'install', '--quiet', '--requirement', 'requirements.txt']]);
const go = () => installed('go', ['go.mod', 'go.sum', 'main.go'], (folder) => [['go', 'build', '-o', join(folder, 'service'), '.']]);
const spring = () => installed('spring', ['pom.xml', 'src/main/java/Service.java'], (folder) => [['mvn', '--batch-mode', '--quiet', `-DbuildDirectory=${folder}`, 'package']]);
async function axum() {
  await run('cargo', ['build', '--profile', 'quick', '--locked', '--example', 'axum-service'], { cwd: ROOT, maxBuffer: 64 << 20 });
  return join(TARGET, 'quick/examples');
}

const nodeRouter = (name) => ({ name, install: node, start: () => [process.execPath, [join(SERVICES, 'node/service.mjs'), name]] });
const pythonRouter = (name) => ({ name, install: python, start: (folder) => [join(folder, 'bin/python'), [join(SERVICES, 'python/service.py'), name]] });
const goRouter = (name) => ({ name, install: go, start: (folder) => [join(folder, 'service'), [name]] });

/** Every router. A lenient one has the options set by which it accepts more than one spelling. */
export const ROUTERS = [
  ...['express4', 'express5', 'koa', 'fastify', 'fastify, lenient', 'hono', 'hono, lenient', 'url'].map(nodeRouter),
  ...['flask', 'flask, lenient', 'django', 'django, lenient', 'starlette', 'fastapi'].map(pythonRouter),
  ...['servemux', 'chi', 'chi, lenient'].map(goRouter),
  { name: 'axum', install: axum, start: (folder) => [join(folder, 'axum-service'), []] },
];
export const SPRING = { name: 'spring', install: spring, start: (folder) => ['java', ['-jar', join(folder, 'service.jar')]] };

/** Starts a service; each table has a port. */
export async function service(router, tables) {
  const folder = await router.install();
  const ports = await freePorts(Object.keys(tables).length);
  const served = Object.values(tables).map((routes, at) => ({ port: ports[at], routes }));
  const [command, args] = router.start(folder);
  const program = new Program(router.name, command, args, { env: { TABLES: JSON.stringify(served) } });
  await program.listening(ports);
  return { program, ports: Object.fromEntries(Object.keys(tables).map((name, at) => [name, ports[at]])) };
}
