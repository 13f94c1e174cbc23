/** The programs of the suite: Keywright, the proxies, and the services with their packages. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment, freePorts, Program } from '../support/program.mjs';
import { BINARY, ROOT, Server } from '../support/server.mjs';

const TARGET = join(ROOT, 'target');
const INSTALLED = join(TARGET, 'tmp/routers');
const SERVICES = join(ROOT, 'tests/routers/services');
const run = promisify(execFile);

/** Keywright with the APIs of `tables`, and one key for each set of scopes that a test asks for. */
export class Keywright {
  async start(tables) {
    this.folder = await mkdtemp(join(tmpdir(), 'keywright-routers-'));
    this.server = await Server.withOwner({ KEYWRIGHT_TRUSTED_PROXIES: '127.0.0.1/32' });
    for (const [slug, routes] of Object.entries(tables)) {
      const ruled = routes.filter((route) => !route.unruled);
      await this.server.call('POST', '/v1/apis', {
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
    if (!this.keys.has(name)) this.keys.set(name, this.server.call('POST', '/v1/keys', { api, name: name.slice(0, 100), scopes }));
    const made = await this.keys.get(name);
    return { key: made.key, id: made.id };
  }

  /** A proxy with the file that Keywright prints. */
  async proxy(kind, api, upstream) {
    const [port] = await freePorts(1);
    const args = ['proxy-config', kind, '--api', api, '--upstream', `http://127.0.0.1:${upstream}`, '--listen', `127.0.0.1:${port}`, '--data', this.server.data];
    const { stdout } = await run(BINARY, args);
    const folder = await mkdtemp(join(this.folder, `${kind}-`));
    const file = join(folder, 'proxy.conf');
    await writeFile(file, stdout);
    const home = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
    const program =
      kind === 'nginx'
        ? new Program('nginx', 'nginx', ['-g', 'daemon off;', '-p', folder, '-c', file], { cwd: folder, detached: true })
        : new Program('caddy', 'caddy', ['run', '--adapter', 'caddyfile', '--config', file], { cwd: folder, env: home, detached: true });
    await program.listening([port]);
    return { program, port, file: stdout };
  }

  async stop() {
    await this.server.stop();
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
  const program = new Program(router.name, command, args, { env: { TABLES: JSON.stringify(served) }, detached: true });
  await program.listening(ports);
  return { program, ports: Object.fromEntries(Object.keys(tables).map((name, at) => [name, ports[at]])) };
}
