/**
 * The differential suite of the gate: real routers behind real nginx and real Caddy, with the files that Keywright prints.
 * Thousands of requests that a gate and a service may read differently; it fails if one reaches a handler whose route
 * the credential does not satisfy. It fails too if a request that is as it should be does not pass.
 *
 *   node main.mjs [--requests N] [--seeds N] [--seed N] [--routers a,b] [--spring] [--required]
 */
import { parseArgs } from 'node:util';
import { mutated } from './mutate.mjs';
import { Keywright, ROUTERS, SPRING, service } from './programs.mjs';
import { Random } from './random.mjs';
import { example, TABLES } from './tables.mjs';
import { Wire } from './wire.mjs';

/** Concurrent connections to a proxy. */
const CONNECTIONS = 8;
/** Findings printed in full. */
const SHOWN = 25;
const IDENTITY = ['subject', 'kind', 'key-id', 'user-id', 'client-id', 'owner', 'environment', 'scopes'].map((name) => `x-auth-${name}`);
/** Emptied only in the question to Keywright. */
const OWN = ['content-length', 'connection', 'cookie'];
const PROXIES = ['nginx', 'caddy'];

const { values: options } = parseArgs({
  options: {
    requests: { type: 'string', default: '200' },
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string' },
    routers: { type: 'string' },
    spring: { type: 'boolean', default: false },
    required: { type: 'boolean', default: false },
  },
});

const covers = (ruled, method) => ruled === '*' || ruled === method || (ruled === 'GET' && method === 'HEAD');
const bearer = (key) => (key ? [['Authorization', `Bearer ${key.key}`]] : []);
const counts = { sent: 0, served: 0, legitimate: 0, passed: 0 };
const findings = [];

/** One table of one service behind one proxy. */
class Gate {
  constructor(keywright, router, proxy, table, running) {
    Object.assign(this, { keywright, router, proxy, table, routes: TABLES[table], port: running.port });
    this.stripped = [...running.file.matchAll(/^\s*(?:proxy_set_header|request_header) -?(\S+)(?: "")?;?$/gm)].map((match) => match[1]).filter((name) => !name.includes('*') && !OWN.includes(name.toLowerCase()) && !IDENTITY.includes(name.toLowerCase()));
    this.scopes = this.routes.filter((route) => route.scope).map((route) => route.scope);
  }

  key(scopes) {
    return this.keywright.keyWith(this.table, scopes);
  }

  /** Sends a request with a key, or none; returns the handler that answered, and the request that it received. */
  async send(wire, request, key) {
    counts.sent += 1;
    let answer = await wire.send(request, bearer(key));
    // A service may close the connection that the proxy is about to use.
    if (answer.status === 502 || answer.status === 503) answer = await wire.send(request, bearer(key));
    const handler = answer.headers['x-handler'];
    if (handler === undefined) return { answer };
    counts.served += 1;
    const route = this.routes.find(({ id }) => id === Number(handler));
    this.check(request, key, route, answer);
    return { answer, route };
  }

  /** A busy machine delays an answer, or a development server drops it; the second attempt must succeed. */
  async answered(wire, request, key) {
    const first = await this.send(wire, request, key);
    return first.answer.status === 0 ? this.send(wire, request, key) : first;
  }

  find(request, key, what) {
    findings.push({ router: this.router, proxy: this.proxy, table: this.table, what, request, holds: key ? key.scopes : 'no credential' });
  }

  /** The part of a request that its handler received. */
  check(request, key, route, answer) {
    // A rule for exactly this path applies whichever handler the service selects.
    const path = request.target.trim().split('?')[0];
    const ruling = [route, ...this.routes.filter((one) => one.path === path && covers(one.method, request.method))];
    const satisfied = !route.unruled && ruling.some((one) => one.public || (one.scope && key?.scopes.includes(one.scope)));
    if (!satisfied) this.find(request, key, `it reached the handler of ${route.method} ${route.path}`);
    if (!answer.body) return;
    const { headers, method } = JSON.parse(answer.body);
    if (method !== request.method && !(request.method === 'HEAD' && method === 'GET')) this.find(request, key, `the service took it for ${method}`);
    for (const [name, value] of Object.entries(headers)) {
      const spelled = name.toLowerCase().replaceAll('_', '-');
      if (value === '') continue;
      if (this.stripped.some((one) => one.toLowerCase() === spelled)) this.find(request, key, `the service received ${name}: ${value}`);
      if (spelled.startsWith('x-auth-') && !IDENTITY.includes(spelled)) this.find(request, key, `the service received ${name}: ${value}`);
      if (spelled === 'upgrade' && value !== 'websocket') this.find(request, key, `the service received ${name}: ${value}`);
      if (spelled === 'x-auth-subject' && value !== (route.public ? '' : key?.id)) this.find(request, key, `the service took ${value} for the subject`);
    }
  }

  /** An ambiguous request: it may only reach handlers whose route the credential satisfies. */
  async attack(wire, random) {
    const request = mutated(this.routes, random, this.stripped);
    const { route, answer } = await this.answered(wire, request, await this.all);
    // An error of the request is the client's, not a failure of the gate.
    if (answer.status >= 500 || answer.late) this.find(request, await this.all, answer.late ? 'no answer' : `answered ${answer.status}`);
    if (!route?.scope) return;
    await this.send(wire, request, await this.allBut(route.scope));
    await this.send(wire, request, undefined);
  }

  get all() {
    return this.key(this.scopes).then((key) => ({ ...key, scopes: this.scopes }));
  }

  async allBut(scope) {
    const scopes = this.scopes.filter((one) => one !== scope);
    return { ...(await this.key(scopes)), scopes };
  }

  /** A legitimate request passes with the scope of its route alone. */
  async legitimate(wire, random) {
    const route = random.of(this.routes.filter((one) => !one.unruled));
    const request = example(route, random);
    const scopes = route.scope ? [route.scope] : [];
    const key = route.scope ? { ...(await this.key(scopes)), scopes } : undefined;
    const { answer } = await this.answered(wire, request, key);
    counts.legitimate += 1;
    // A router may have no handler for it, or redirect: then it passed the gate nevertheless.
    if (answer.headers['x-handler'] !== undefined || (answer.status >= 200 && answer.status < 400) || [404, 405].includes(answer.status)) counts.passed += 1;
    else this.find(request, key, `a legitimate request was answered ${answer.status} ${answer.body.slice(0, 200)}`);
  }

  async run(random, requests) {
    const work = async () => {
      const wire = new Wire(this.port);
      while (left > 0) {
        left -= 1;
        if (left % 5 === 0) await this.legitimate(wire, random);
        else await this.attack(wire, random);
      }
      wire.close();
    };
    let left = requests;
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
  }
}

/** All tables of one router behind all proxies. */
async function attackRouter(keywright, router, seeds) {
  const { program, ports } = await service(router, TABLES);
  const before = { ...counts };
  const known = findings.length;
  const started = Date.now();
  const gates = await Promise.all(
    PROXIES.flatMap((proxy) =>
      Object.keys(TABLES).map(async (table) => {
        const running = await keywright.proxy(proxy, table, ports[table]);
        return { running, gate: new Gate(keywright, router.name, proxy, table, running) };
      }),
    ),
  );
  try {
    for (const seed of seeds)
      await Promise.all(gates.map(({ gate }, at) => gate.run(new Random(seed + at), Number(options.requests))));
  } finally {
    await Promise.all(gates.map(({ running }) => running.program.stop()));
    await program.stop();
  }
  const since = (name) => counts[name] - before[name];
  console.log(`${router.name.padEnd(18)} ${String(since('sent')).padStart(7)} requests, ${String(since('served')).padStart(6)} served, ${since('passed')} of ${since('legitimate')} legitimate passed, ${findings.length - known} findings, ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

async function main() {
  const first = Number(options.seed ?? Date.now() % 1_000_000_000);
  const seeds = Array.from({ length: Number(options.seeds) }, (_, at) => first + at * 1_000);
  console.log(`seed ${first} (repeat with --seed ${first})`);
  const chosen = [...ROUTERS, ...(options.spring ? [SPRING] : [])].filter(({ name }) => !options.routers || options.routers.split(';').includes(name));
  const missing = [];
  const keywright = await new Keywright().start(TABLES);
  try {
    for (const router of chosen) {
      try {
        await router.install();
      } catch (error) {
        missing.push(router.name);
        console.log(`${router.name.padEnd(18)} could not be installed: ${String(error.stderr || error.message).trim().split('\n').slice(-3).join(' ')}`);
        continue;
      }
      await attackRouter(keywright, router, seeds);
    }
  } finally {
    await keywright.stop();
  }
  for (const { router, proxy, table, what, request, holds } of findings.slice(0, SHOWN))
    console.log(`\n${router} behind ${proxy}, table ${table}: ${what}\n  ${request.method} ${JSON.stringify(request.target)} ${JSON.stringify(request.headers)}\n  with ${Array.isArray(holds) ? `the scopes ${holds.join(' ')}` : holds}`);
  if (findings.length > SHOWN) console.log(`\nand ${findings.length - SHOWN} more`);
  const nothing = counts.legitimate === 0 || counts.passed === 0;
  const failed = findings.length + missing.length + (nothing ? 1 : 0);
  console.log(`\n${counts.sent} requests, ${counts.served} reached a handler, ${counts.passed} of ${counts.legitimate} legitimate requests passed, ${findings.length} findings${missing.length ? `; NOT TESTED: ${missing.join(', ')}` : ''}`);
  console.log(`${chosen.length - missing.length} passed, ${failed} failed`);
  process.exitCode = findings.length || nothing || (options.required && missing.length) ? 1 : 0;
}

await main();
