/** The APIs of this instance: loaded once, shown on many pages. */
import { ask, GET } from '../api/client';
import type { Api, ApiKey } from '../api/types';
import { keyHint } from '../api/words';

class Apis {
  all = $state.raw<Api[]>([]);
  error = $state.raw<unknown>();
  #loading: Promise<void> | null = null;

  /** Loads them unless they are loaded; `again` after a change. */
  load(again = false): Promise<void> {
    if (again || this.error || !this.#loading) this.#loading = this.#fetch();
    return this.#loading;
  }

  /** The API with this slug. */
  bySlug(slug: string | null | undefined): Api | undefined {
    return this.all.find((api) => api.slug === slug);
  }

  /** `afdb_live_k3Qv…9xT2`. */
  hint(key: Pick<ApiKey, 'api' | 'environment' | 'secrets'>): string {
    return keyHint(key, this.bySlug(key.api)?.prefix);
  }

  async #fetch(): Promise<void> {
    try {
      this.all = (await ask(GET('/v1/apis', { params: { query: { limit: 200 } } }))).data;
      this.error = undefined;
    } catch (cause) {
      this.error = cause;
    }
  }
}

export const apis = new Apis();
