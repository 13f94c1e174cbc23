import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

/** Writes `.br` and `.gz` beside every text file, so that the server never compresses anything. */
function precompress(): Plugin {
  let directory = 'dist';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      directory = config.build.outDir;
    },
    writeBundle() {
      for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
        if (!/\.(js|css|html|svg|json)$/.test(file)) continue;
        const path = join(directory, file);
        const body = readFileSync(path);
        const options = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: body.length } };
        writeFileSync(`${path}.br`, brotliCompressSync(body, options));
        writeFileSync(`${path}.gz`, gzipSync(body, { level: 9 }));
      }
    },
  };
}

const server = process.env.KEYWRIGHT_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte(), precompress()],
  build: { target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0, reportCompressedSize: false },
  // `npm run dev` serves the pages from source and proxies other requests to a running instance, which must see its own
  // origin to let a session change anything.
  server: {
    proxy: Object.fromEntries(
      ['/v1', '/oauth', '/.well-known', '/openapi.json', '/docs', '/pages', '/healthz', '/readyz'].map((path) => [
        path,
        { target: server, changeOrigin: true, headers: { origin: new URL(server).origin } },
      ]),
    ),
  },
  test: { include: ['src/**/*.test.ts'] },
} as Parameters<typeof defineConfig>[0]);
