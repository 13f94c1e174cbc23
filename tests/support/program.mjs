/** Programs that a test starts and stops. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** The caller's environment, and the folders in which Debian keeps servers. */
export const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

/** Ports that are free now, all different. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => server.listening || once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

const takes = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => (socket.destroy(), resolve(true)));
    socket.on('error', () => resolve(false));
  });

/** A running program; `output` is the end of what it wrote. One that starts others is `detached`, so that they stop with it. */
export class Program {
  constructor(name, command, args, { detached = false, ...options } = {}) {
    this.name = name;
    this.output = '';
    this.detached = detached;
    this.child = spawn(command, args, { ...options, detached, env: { ...environment, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.on('error', (error) => (this.output += error.message));
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (chunk) => (this.output = (this.output + chunk).slice(-64_000)));
  }

  get ended() {
    return this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Waits until `check` answers true. */
  async until(check, complaint, milliseconds = 15_000) {
    const end = Date.now() + milliseconds;
    for (;;) {
      if (this.ended) throw new Error(`${this.name} ended:\n${this.output}`);
      if (await Promise.resolve(check()).catch(() => false)) return;
      if (Date.now() > end) throw new Error(`${complaint}\n${this.output}`);
      await new Promise((later) => setTimeout(later, 20));
    }
  }

  /** Waits until every port takes connections. */
  async listening(ports, milliseconds = 60_000) {
    for (const port of ports) await this.until(() => takes(port), `${this.name} does not answer`, milliseconds);
    return this;
  }

  async stop() {
    if (this.ended) return;
    const exit = once(this.child, 'exit');
    const kill = (signal) => process.kill(this.detached ? -this.child.pid : this.child.pid, signal);
    kill('SIGTERM');
    const late = setTimeout(() => kill('SIGKILL'), 5_000);
    await exit;
    clearTimeout(late);
  }
}
