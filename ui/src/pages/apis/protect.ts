/** Examples of calls to the verify endpoint, as text to copy. */
import type { Api } from '../../api/types';
import { instance } from '../../app/instance';
import type { CodeSample } from '../../lib/Snippets.svelte';

/** A service that calls `POST /v1/keys/verify` itself. */
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
