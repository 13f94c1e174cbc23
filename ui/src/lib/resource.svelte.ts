import { untrack } from 'svelte';

/** Loaded data, or the error of loading it. The last request wins. */
export class Resource<T> {
  data = $state.raw<T | undefined>();
  error = $state.raw<unknown>();
  loading = $state(false);
  #load: () => Promise<T>;
  #turn = 0;

  constructor(load: () => Promise<T>) {
    this.#load = load;
  }

  /** Loads or reloads it; the previous data is shown until then. A calling effect must read its own
   * dependencies. */
  async load(): Promise<void> {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const data = await untrack(this.#load);
      if (turn !== this.#turn) return;
      this.data = data;
      this.error = undefined;
    } catch (cause) {
      if (turn === this.#turn) this.error = cause;
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }
}

/** A list in pages: `more()` appends the next one. */
export class PagedList<T> {
  rows = $state.raw<T[]>([]);
  error = $state.raw<unknown>();
  loading = $state(false);
  loaded = $state(false);
  next = $state<string | null>(null);
  #page: (cursor: string | undefined) => Promise<{ data: T[]; next_cursor?: string | null }>;
  #turn = 0;

  constructor(page: (cursor: string | undefined) => Promise<{ data: T[]; next_cursor?: string | null }>) {
    this.#page = page;
  }

  /** The first page. */
  load(): Promise<void> {
    return this.#fetch(undefined);
  }

  /** The next page, unless it is already being loaded. */
  async more(): Promise<void> {
    if (this.next && !this.loading) await this.#fetch(this.next);
  }

  async #fetch(cursor: string | undefined): Promise<void> {
    const turn = ++this.#turn;
    this.loading = true;
    try {
      const page = await untrack(() => this.#page(cursor));
      if (turn !== this.#turn) return;
      this.rows = cursor ? [...this.rows, ...page.data] : page.data;
      this.next = page.next_cursor ?? null;
      this.error = undefined;
      this.loaded = true;
    } catch (cause) {
      if (turn === this.#turn) this.error = cause;
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }
}
