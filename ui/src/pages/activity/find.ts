/** Finds items for filters. */
import { ask, GET } from '../../api/client';
import { apis } from '../../app/apis.svelte';
import type { Found } from '../../lib/FindChip.svelte';

export async function findKeys(q: string): Promise<Found[]> {
  const { data } = await ask(GET('/v1/keys', { params: { query: { q: q || undefined, limit: 12 } } }));
  return data.map((key) => ({ id: key.id, text: key.name, more: apis.hint(key) }));
}

export async function findPeople(q: string): Promise<Found[]> {
  const { data } = await ask(GET('/v1/users', { params: { query: { q: q || undefined, limit: 12 } } }));
  return data.map((user) => ({ id: user.id, text: user.name || user.email, more: user.email }));
}

export async function findApps(q: string): Promise<Found[]> {
  const { data } = await ask(GET('/v1/clients', { params: { query: { limit: 200 } } }));
  const wanted = q.toLowerCase();
  return data
    .filter((app) => `${app.name} ${app.client_id}`.toLowerCase().includes(wanted))
    .slice(0, 12)
    .map((app) => ({ id: app.id, text: app.name, more: app.client_id }));
}

const names = new Map<string, Promise<string>>();

/** The name of an id in the URL. */
export function nameOf(id: string): Promise<string> {
  let name = names.get(id);
  if (!name) names.set(id, (name = lookUp(id).catch(() => id)));
  return name;
}

async function lookUp(id: string): Promise<string> {
  const path = { id };
  if (id.startsWith('key_')) return (await ask(GET('/v1/keys/{id}', { params: { path } }))).name;
  if (id.startsWith('usr_')) {
    const user = await ask(GET('/v1/users/{id}', { params: { path } }));
    return user.name || user.email;
  }
  if (id.startsWith('app_')) return (await ask(GET('/v1/clients/{id}', { params: { path } }))).name;
  return id;
}
