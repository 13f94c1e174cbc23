/** HTTP/1.1 by hand: a request is sent byte for byte, on a persistent connection where possible. */
import { connect } from 'node:net';

/** Time limit of one answer. */
const LONGEST_MILLISECONDS = 10_000;

export class Wire {
  constructor(port) {
    this.port = port;
  }

  /** Sends a request; returns { status, headers, body }, or status 0 without a response. */
  async send({ method, target, headers }, more = []) {
    const lines = [`${method} ${target} HTTP/1.1`, 'Host: api.example', ...[...headers, ...more].map(([name, value]) => `${name}: ${value}`)];
    if (!['GET', 'HEAD'].includes(method)) lines.push('Content-Length: 0');
    const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'utf8');
    const reused = this.socket !== undefined;
    const answer = await this.exchange(bytes, method === 'HEAD');
    // The proxy may have closed an idle connection: the request was not read then.
    return answer.status === 0 && reused ? this.exchange(bytes, method === 'HEAD') : answer;
  }

  exchange(bytes, isHead) {
    return new Promise((resolve) => {
      const socket = this.socket ?? connect(this.port, '127.0.0.1');
      this.socket = socket;
      let received = Buffer.alloc(0);
      const finish = (answer, keep) => {
        clearTimeout(timer);
        socket.removeAllListeners();
        socket.on('error', () => {});
        if (keep) socket.once('close', () => { if (this.socket === socket) this.socket = undefined; });
        else {
          socket.destroy();
          this.socket = undefined;
        }
        resolve(answer);
      };
      const timer = setTimeout(() => finish({ status: 0, headers: {}, body: '', late: true }, false), LONGEST_MILLISECONDS);
      const read = (ended) => {
        const answer = parse(received, isHead, ended);
        if (answer) finish(answer, !ended && answer.status < 400 && answer.status >= 200 && answer.headers.connection !== 'close');
        else if (ended) finish({ status: 0, headers: {}, body: '' }, false);
      };
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        read(false);
      });
      socket.on('error', () => read(true));
      socket.on('end', () => read(true));
      socket.on('close', () => read(true));
      socket.write(bytes);
    });
  }

  close() {
    this.socket?.destroy();
    this.socket = undefined;
  }
}

/** The first complete response in `bytes`, if there is one. */
function parse(bytes, isHead, ended) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(first.split(' ')[1]);
  const headers = {};
  for (const line of lines) headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 1).trim();
  const rest = bytes.subarray(end + 4);
  if (status === 101) return { status, headers, body: '' };
  if (status < 200) return parse(rest, isHead, ended);
  if (isHead || status === 204 || status === 304) return { status, headers, body: '' };
  if (headers['transfer-encoding'] === 'chunked') {
    const body = chunks(rest);
    return body === undefined ? undefined : { status, headers, body };
  }
  const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
  if (length === undefined ? !ended : rest.length < length) return undefined;
  return { status, headers, body: rest.subarray(0, length).toString('utf8') };
}

function chunks(bytes) {
  const parts = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    if (bytes.length < line + 4 + size) return undefined;
    if (size === 0) return Buffer.concat(parts).toString('utf8');
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 4 + size;
  }
}
