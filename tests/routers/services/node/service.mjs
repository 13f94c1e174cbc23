/**
 * A service with one of Node's routers. `node service.mjs ROUTER`; the tables come as JSON in TABLES:
 * [{ port, routes: [{ id, methods, path }] }], the path as Keywright writes it. Every handler answers its id.
 */
import { createServer } from 'node:http';
import methodOverride from 'method-override';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const answer = (id, method, headers) => JSON.stringify({ handler: id, method, headers });

function reply(response, id, method, headers) {
  response.writeHead(200, { 'content-type': 'application/json', 'x-handler': String(id) });
  response.end(answer(id, method, headers));
}

/** The paths of a route in the router's own syntax: a last `*` is the path itself and all paths below it. */
function paths(path, variable, rest) {
  const own = path.replaceAll(/\{(\w+)\}/g, variable);
  if (!own.endsWith('/*')) return [own];
  return [own.slice(0, -2) || '/', own.slice(0, -1) + rest];
}

const expressLike = (rest) => async (make, routes) => {
  const app = make();
  app.use(methodOverride());
  for (const { id, methods, path } of routes)
    for (const one of paths(path, ':$1', rest))
      for (const method of methods) app[method.toLowerCase()](one, (request, response) => reply(response, id, request.method, request.headers));
  return createServer(app);
};

const fastify = (options) => async (routes) => {
  const { default: make } = await import('fastify');
  let server;
  const app = make({ ...options, serverFactory: (handler) => (server = createServer(handler)) });
  for (const { id, methods, path } of routes)
    for (const url of paths(path, ':$1', '*'))
      app.route({ method: methods.filter((method) => method !== 'HEAD'), url, handler: (request, response) => response.header('x-handler', String(id)).type('application/json').send(answer(id, request.method, request.headers)) });
  await app.ready();
  return server;
};

const ROUTERS = {
  express4: async (routes) => expressLike('*')((await import('express4')).default, routes),
  express5: async (routes) => expressLike('*rest')((await import('express')).default, routes),
  async koa(routes) {
    const [{ default: Koa }, { default: Router }] = await Promise.all([import('koa'), import('@koa/router')]);
    const router = new Router();
    for (const { id, methods, path } of routes)
      for (const one of paths(path, ':$1', '(.*)'))
        router.register(one, methods, (context) => {
          context.set('x-handler', String(id));
          context.body = { handler: id, method: context.method, headers: context.headers };
        });
    return createServer(new Koa().use(router.routes()).callback());
  },
  fastify: fastify({}),
  'fastify, lenient': fastify({ routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, useSemicolonDelimiter: true } }),
  hono: honoWith({}),
  'hono, lenient': honoWith({ strict: false }),
  /** No router: the path that `new URL(request.url, base)` gives. */
  async url(routes) {
    const patterns = routes.map(({ id, methods, path }) => ({
      id,
      methods,
      pattern: new RegExp(`^${path.replace(/\/\*$/, '(/.*)?').replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    }));
    return createServer((request, response) => {
      let path;
      try {
        path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
      } catch {
        path = undefined;
      }
      const found = patterns.find(({ methods, pattern }) => path !== undefined && methods.includes(request.method) && pattern.test(path));
      if (found) reply(response, found.id, request.method, request.headers);
      else response.writeHead(404).end();
    });
  },
};

function honoWith(options) {
  return async (routes) => {
    const [{ Hono }, { getRequestListener }] = await Promise.all([import('hono'), import('@hono/node-server')]);
    const app = new Hono(options);
    for (const { id, methods, path } of routes)
      for (const one of paths(path, ':$1', '*'))
        app.on(methods, one, (context) => {
          context.header('x-handler', String(id));
          return context.json({ handler: id, method: context.req.method, headers: context.req.header() });
        });
    return createServer(getRequestListener(app.fetch));
  };
}

const make = ROUTERS[process.argv[2]];
if (!make) throw new Error(`no router ${process.argv[2]}; there are ${Object.keys(ROUTERS).join(', ')}`);
for (const { port, routes } of JSON.parse(process.env.TABLES)) {
  const expanded = routes.map((route) => ({ ...route, methods: route.method === '*' ? METHODS : route.method === 'GET' ? ['GET', 'HEAD'] : [route.method] }));
  const server = await make(expanded);
  server.listen(port, '127.0.0.1');
}
