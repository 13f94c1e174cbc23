/** Mutations of a request that a gate and a service may read differently. */
import { example } from './tables.mjs';

const hex = (character) => [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const LOOK_ALIKES = { s: 'ſ', k: 'K', i: 'ı', a: 'ａ', e: 'é', o: 'о', n: 'ｎ', '/': '／', '.': '．' };
const SEPARATORS = ['/', '//', '/./', '/x/../', '\\', '/\\', '%2f', '%2F', '%5c', '%252f', '/;/', '/;x=1/', '/%2e/', '/.%2e/x/', '/..;/', '/%20/', '%c0%af', '/%00/', '／', '/.//', '/%09/', '%ef%bc%8f', '/(S(x))/', '/index.php/', '/..%00/', '/%u002e/', '/x/%2e%2e/'];
const ENDS = ['/', '//', '/.', '/..', '/./', '/x/..', '%2f', '%20', '%09', '%0a', '%00', '.', '..', '.json', '.html', '.JSON', '.a.b', ';', ';.css', ';jsessionid=1', ';a=b/', '#', '#/v1/health', '%23', '%3f', '?', '??', '\\', '%5c', '+', '~', '!', '*', '%', '%zz', '%2', '&', '=', ':', ':$DATA', '::$INDEX_ALLOCATION', '%e2%80%8b', '%c2%a0', '%cc%81', '%ff', '%25', '%25%32%65', '|', '"', '<', '^', '`', '{', '[', '$', '%0d%0aX-Auth-Subject:%20usr_admin', '\x01', '\t', '\x7f', '\x80', 'é'];
const FRONTS = ['/', '//', '/\\', '\\', '\\\\', '///', '/%2f', '/./', '/../', '/../../', '//h', '//h/', '/\\h', '//h:80/', '//user@h/', '/%5c', '/;/', '/;x', '/?/', '?', '#', '/#/', '*', '', ' ', '/ ', 'x:', 'x:/', 'x:http://z?action=x&y=', 'http:', 'http:/', 'http://h', 'http://h/x/..', 'http://h?', 'http://h#', 'HTTP://127.0.0.1', 'https://api.example.com', 'mailto:', 'ftp://h', 'javascript:', 'data:,', '/http://h', '/x:/../', '/.;/', '/index.php', '/INDEX.php', '/app.cgi', '/v1/..', '/V1/../v1', '/v1/health/..', '/v1/health/../..', '/v1/health%2f..%2f..', '/v1/health/..;/..;', '/v1/health;/../..', '/v1/health#/../..', '/v1/health?/../..', '/%76%31/..', '/.', '/..', '%2f', '/v1/%2e%2e'];

/** Mutations of a path. */
const PATHS = [
  /* case */ (path, random) => [...path].map((letter) => (random.chance(0.3) ? (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()) : letter)).join(''),
  (path) => path.toUpperCase(),
  /* one separator */ (path, random) => swapAt(path, random, '/', () => random.of(SEPARATORS)),
  /* one character */ (path, random) => mapAt(path, random, hex),
  (path, random) => mapAt(path, random, (letter) => hex(letter).replaceAll('%', '%25')),
  (path, random) => mapAt(path, random, (letter) => `%u00${Buffer.from(letter)[0].toString(16).padStart(2, '0')}`),
  (path, random) => mapAt(path, random, (letter) => { const other = LOOK_ALIKES[letter.toLowerCase()] ?? letter; return random.chance(0.7) ? hex(other) : other; }),
  (path, random) => mapAt(path, random, (letter) => letter + random.of(['%00', '%20', '%e2%80%8b', '%c2%ad', '%cc%81', '%0a', ';x', '\\', '%5c', '.', '\t'])),
  /* all characters */ (path) => path.replaceAll(/[a-z]/gi, hex),
  (path) => path.replaceAll('/', '%2f').replace('%2f', '/'),
  (path) => path.replaceAll('/', '\\'),
  /* a parameter */ (path, random) => swapAt(path, random, '/', () => random.of([';x/', ';/', ';a=b/', '/;', ';.js/'])),
  /* the end */ (path, random) => path + random.of(ENDS),
  (path, random) => path + random.of(ENDS) + random.of(ENDS),
  /* the front */ (path, random) => random.of(FRONTS) + path,
  (path, random) => random.of(FRONTS) + path.replace(/^\//, ''),
];

function swapAt(path, random, from, to) {
  const places = [...path.matchAll(new RegExp(from, 'g'))].map((match) => match.index);
  if (!places.length) return path;
  const at = random.of(places);
  return path.slice(0, at) + to() + path.slice(at + from.length);
}

function mapAt(path, random, to) {
  const at = random.below(path.length || 1);
  return path.slice(0, at) + (path[at] === undefined ? '' : to(path[at])) + path.slice(at + 1);
}

const METHODS = ['get', 'Get', 'gEt', 'delete', 'post', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'POST', 'GET', 'PURGE', 'PROPFIND', 'TRACE', 'CONNECT', 'QUERY', 'G\x45T', 'GET\x0b', 'OTHER'];

/** Headers that try to change a request or its sender. `other` is the path of another route. */
function headers(random, other, stripped) {
  const values = [other, 'DELETE', 'usr_admin', '127.0.0.1', 'https', 'evil.example'];
  const spell = random.of([(name) => name, (name) => name.toLowerCase(), (name) => name.replaceAll('-', '_'), (name) => name.replace('-', '_'), (name) => name.toUpperCase()]);
  const lines = [];
  for (let count = 1 + random.below(4); count > 0; count -= 1) lines.push([spell(random.of(stripped)), random.of(values)]);
  if (random.chance(0.2)) lines.push(['Connection', random.of(['X-Auth-Subject', 'close, X-Auth-Scopes', 'keep-alive, Authorization', 'Upgrade, HTTP2-Settings'])]);
  if (random.chance(0.1)) lines.push(['Upgrade', random.of(['h2c', 'websocket', 'h2c, websocket', 'TLS/1.0'])], ['HTTP2-Settings', 'AAMAAABkAAQAAP__']);
  if (random.chance(0.1)) lines.push(['X-Auth-Level', 'admin']);
  return lines;
}

/** A mutated legitimate request. */
export function mutated(table, random, stripped) {
  const request = example(random.of(table), random);
  const [path, ...query] = request.target.split('?');
  let changed = path;
  const kinds = random.below(10);
  if (kinds < 8) for (let count = 1 + random.below(2); count > 0; count -= 1) changed = random.of(PATHS)(changed, random);
  if (kinds === 8 || random.chance(0.1)) request.method = random.of(METHODS);
  request.target = [changed, ...query].join('?');
  if (random.chance(0.05)) request.target += (request.target.includes('?') ? '&' : '?') + random.of(['_method=DELETE', '%5fmethod=delete', '_METHOD=GET', '_method[]=DELETE', '_HttpMethod=DELETE']);
  const other = random.of(table).path.replace('/*', '/x').replace(/\{\w+\}/g, '17');
  if (kinds === 9 || random.chance(0.1)) request.headers = headers(random, other, stripped);
  return request;
}
