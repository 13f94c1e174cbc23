/** Text to copy: how to store a key and how to use it. */
import type { Api } from '../../api/types';
import { instance } from '../../app/instance';
import type { CodeSample } from '../../lib/Snippets.svelte';

/** `dbaudit` → `DBAUDIT_API_KEY`. */
export const variableName = (prefix: string): string => `${prefix.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_')}_API_KEY`;

/** Setting the variable, in common shells. */
export function variableSamples(variable: string, secret: string): CodeSample[] {
  return [
    { name: 'bash', code: `export ${variable}="${secret}"` },
    { name: 'cmd', code: `set ${variable}=${secret}` },
    { name: 'PowerShell', code: `$env:${variable}="${secret}"` },
  ];
}

/** An example request of this API: its first route that needs a credential. */
function example(api: Api | undefined): { method: string; url: string } {
  if (!api || api.built_in) return { method: 'GET', url: `${instance.publicUrl}/v1/user/profile` };
  const route = api.routes.find((one) => !one.public);
  const method = !route || route.method === '*' ? 'GET' : route.method;
  const path = route?.path.replaceAll(/\{[^}]*\}|\*/g, '1') ?? '/';
  return { method, url: api.audience.replace(/\/$/, '') + path };
}

/** Calling the API with the key from the variable. */
export function requestSamples(variable: string, api: Api | undefined): CodeSample[] {
  const { method, url } = example(api);
  const body = method === 'POST' || method === 'PUT' || method === 'PATCH';
  const curl = [
    `curl${method === 'GET' ? '' : ` -X ${method}`} ${url}`,
    `-H "Authorization: Bearer $${variable}"`,
    ...(body ? ['-H "Content-Type: application/json"', "-d '{}'"] : []),
  ].join(' \\\n  ');
  const javascript = `const response = await fetch('${url}', {
  method: '${method}',
  headers: {
    'Authorization': \`Bearer \${process.env.${variable}}\`,${body ? "\n    'Content-Type': 'application/json'," : ''}
  },${body ? '\n  body: JSON.stringify({}),' : ''}
});`;
  const python = `import os
import requests

response = requests.${method.toLowerCase()}(
    '${url}',
    headers={'Authorization': f"Bearer {os.environ['${variable}']}"},${body ? '\n    json={},' : ''}
)`;
  return [
    { name: 'curl', code: curl },
    { name: 'JavaScript', code: javascript },
    { name: 'Python', code: python },
  ];
}
