/** Routes as lines of text: `GET /v1/queries/{id} [queries:read OR admin] env=any cost=2`. */
import type { RouteRule } from '../../api/types';

/** One line per route. */
export function writeRoutes(routes: RouteRule[]): string {
  return routes
    .map((route) => {
      const parts = [route.method, route.path];
      if (route.public) parts.push('public');
      else {
        if (route.scope) parts.push(`[${route.scope}]`);
        if (route.environment && route.environment !== 'live') parts.push(`env=${route.environment}`);
      }
      if (route.cost && route.cost !== 1) parts.push(`cost=${route.cost}`);
      return parts.join(' ');
    })
    .join('\n');
}

/** Parses such lines; a malformed line is an error that names it. */
export function readRoutes(text: string): RouteRule[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.flatMap((line, index) => (line && !line.startsWith('#') ? [readLine(line, index + 1)] : []));
}

function readLine(line: string, number: number): RouteRule {
  const wrong = (what: string) => new Error(`Line ${number}: ${what}`);
  const parts = /^(\S+)\s+(\/\S*)\s*(?:\[([^\]]*)\])?\s*(.*)$/.exec(line);
  if (!parts) throw wrong('write METHOD /path first');
  const [, method = '', path = '', scope, rest = ''] = parts;
  const route: RouteRule = { method: method.toUpperCase(), path, environment: 'live', cost: 1, public: false };
  if (scope?.trim()) route.scope = scope.trim();
  for (const word of rest.split(/\s+/).filter(Boolean)) {
    const [name, value = ''] = word.split('=');
    if (name === 'public' && !value) route.public = true;
    else if (name === 'env' && isEnvironment(value)) route.environment = value;
    else if (name === 'cost' && /^\d+$/.test(value)) route.cost = Number(value);
    else throw wrong(`"${word}" is not understood`);
  }
  return route;
}

const isEnvironment = (text: string): text is 'live' | 'test' | 'any' => ['live', 'test', 'any'].includes(text);
