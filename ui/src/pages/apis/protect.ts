/** How to put Keywright in front of an API, as text to copy. */
import type { Api } from '../../api/types';
import { instance } from '../../app/instance';
import type { CodeSample } from '../../lib/Snippets.svelte';

const IDENTITY = ['X-Auth-Subject', 'X-Auth-Kind', 'X-Auth-Key-Id', 'X-Auth-User-Id', 'X-Auth-Client-Id', 'X-Auth-Owner', 'X-Auth-Environment', 'X-Auth-Scopes'];

/** nginx, Caddy and Traefik asking `/v1/forward-auth`. */
export function proxySamples(api: Api, scope: string | undefined): CodeSample[] {
  const origin = instance.publicUrl.replace(/\/$/, '');
  const query = `api=${api.slug}${api.routes.length || !scope ? '' : `&scope=${encodeURIComponent(scope)}`}`;
  const variable = (name: string) => `$${name.toLowerCase().replaceAll('-', '_')}`;
  const nginx = `location / {
    auth_request /_keywright;
${IDENTITY.map((name) => `    auth_request_set ${variable(name)} $upstream_http_${name.toLowerCase().replaceAll('-', '_')};\n    proxy_set_header ${name} ${variable(name)};`).join('\n')}
    auth_request_set $auth_status $upstream_http_x_auth_status;
    auth_request_set $auth_error $upstream_http_x_auth_error;
    error_page 401 403 = @refused;
    proxy_pass http://127.0.0.1:3000;
}

location = /_keywright {
    internal;
    proxy_pass ${origin}/v1/forward-auth?${query}&nginx=1;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
    proxy_set_header X-Original-Method $request_method;
    proxy_set_header X-Original-URI $request_uri;
    proxy_set_header X-Forwarded-For $remote_addr;
}

location @refused {
    default_type application/json;
    if ($auth_status = "429") { return 429 $auth_error; }
    return $status $auth_error;
}`;
  const caddy = `${new URL(api.audience.startsWith('http') ? api.audience : 'https://api.example.com').host} {
    forward_auth ${origin} {
        uri /v1/forward-auth?${query}
        copy_headers ${IDENTITY.join(' ')}
    }
    reverse_proxy 127.0.0.1:3000
}`;
  const traefik = `http:
  middlewares:
    keywright:
      forwardAuth:
        address: "${origin}/v1/forward-auth?${query}"
        authResponseHeaders:
${IDENTITY.map((name) => `          - ${name}`).join('\n')}`;
  return [
    { name: 'Caddy', code: caddy },
    { name: 'nginx', code: nginx },
    { name: 'Traefik', code: traefik },
  ];
}

/** A service asking `POST /v1/keys/verify` itself. */
export function verifySamples(api: Api, scope: string | undefined): CodeSample[] {
  const url = `${instance.publicUrl.replace(/\/$/, '')}/v1/keys/verify`;
  const scopes = scope ? `, "scopes": "${scope}"` : '';
  const js = scope ? `, scopes: '${scope}'` : '';
  return [
    {
      name: 'curl',
      code: `curl ${url} \\\n  -H "Authorization: Bearer $KW_API_KEY" \\\n  -H "Content-Type: application/json" \\\n  -d '{"key": "${api.prefix}_live_…", "api": "${api.slug}"${scopes}}'`,
    },
    {
      name: 'JavaScript',
      code: `const answer = await fetch('${url}', {
  method: 'POST',
  headers: {
    'Authorization': \`Bearer \${process.env.KW_API_KEY}\`,
    'Content-Type': 'application/json',
  },
  body: JSON.stringify({ key, api: '${api.slug}'${js} }),
}).then((response) => response.json());

if (!answer.valid) throw new Error(answer.code);`,
    },
    {
      name: 'Python',
      code: `import os
import requests

answer = requests.post(
    '${url}',
    headers={'Authorization': f"Bearer {os.environ['KW_API_KEY']}"},
    json={'key': key, 'api': '${api.slug}'${scope ? `, 'scopes': '${scope}'` : ''}},
).json()

if not answer['valid']:
    raise PermissionError(answer['code'])`,
    },
  ];
}
