/** The code flow of an app, as an example and to try. */
import type { Client } from '../../api/types';
import { instance } from '../../app/instance';
import type { CodeSample } from '../../lib/Snippets.svelte';

const origin = () => instance.publicUrl.replace(/\/$/, '');

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** A verifier and its challenge (RFC 7636); null challenge where the browser has no SHA-256 (plain http). */
export async function pkce(): Promise<{ verifier: string; challenge: string }> {
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
  if (!crypto.subtle) return { verifier: '', challenge: '' };
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return { verifier, challenge: base64url(new Uint8Array(hash)) };
}

/** URL of the authorization request. */
export function authorizeUrl(app: Client, redirect: string, scope: string, challenge: string): string {
  const query = new URLSearchParams({ response_type: 'code', client_id: app.client_id, redirect_uri: redirect, scope, state: 'try' });
  if (challenge) {
    query.set('code_challenge', challenge);
    query.set('code_challenge_method', 'S256');
  }
  return `${origin()}/oauth/authorize?${query}`;
}

/** The request to the token endpoint. */
export function tokenSamples(app: Client, redirect: string, verifier: string, grant = 'authorization_code'): CodeSample[] {
  const fields: [string, string][] = [['grant_type', grant], ['client_id', app.client_id]];
  if (app.type === 'confidential') fields.push(['client_secret', '$CLIENT_SECRET']);
  if (grant === 'authorization_code') {
    fields.push(['code', '$CODE'], ['redirect_uri', redirect]);
    if (verifier) fields.push(['code_verifier', verifier]);
  } else {
    const scope = app.access[0]?.scopes.join(' ');
    if (scope) fields.push(['scope', scope]);
  }
  const url = `${origin()}/oauth/token`;
  const variable = (value: string) => /^\$([A-Z_]+)$/.exec(value)?.[1];
  const js = fields.map(([name, value]) => `    ${name}: ${variable(value) ? `process.env.${variable(value)}` : `'${value}'`},`).join('\n');
  const python = fields.map(([name, value]) => `    '${name}': ${variable(value) ? `os.environ['${variable(value)}']` : `'${value}'`},`).join('\n');
  return [
    { name: 'curl', code: [`curl ${url}`, ...fields.map(([name, value]) => `--data-urlencode "${name}=${value}"`)].join(' \\\n  ') },
    { name: 'JavaScript', code: `const tokens = await fetch('${url}', {\n  method: 'POST',\n  body: new URLSearchParams({\n${js}\n  }),\n}).then((response) => response.json());` },
    { name: 'Python', code: `import os\nimport requests\n\ntokens = requests.post('${url}', data={\n${python}\n}).json()` },
  ];
}
