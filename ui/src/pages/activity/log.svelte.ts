/** The loaded rows of the log: pages from the server at the bottom, the live tail at the top. */
import { ask, GET } from '../../api/client';
import type { Activity } from '../../api/types';
import type { Filter } from './filter';

const PAGE = 100;
/** Beyond this number the oldest rows are dropped while the tail runs; scrolling down loads them again. */
const KEEP = 20_000;

export class LogRows {
  rows = $state.raw<Activity[]>([]);
  loading = $state(false);
  loaded = $state(false);
  error = $state.raw<unknown>();
  /** Whether there are more rows below. */
  more = $state(false);
  #filter: Filter = {};
  #cursor: string | undefined;
  #turn = 0;

  /** Restarts with another filter. */
  async open(filter: Filter): Promise<void> {
    this.#filter = filter;
    this.#cursor = undefined;
    this.loaded = false;
    this.rows = [];
    await this.#page();
  }

  /** The next page below. */
  async below(): Promise<void> {
    if (this.more && !this.loading && !this.error) await this.#page();
  }

  retry(): Promise<void> {
    return this.#page();
  }

  /** Newly written rows, newest first. */
  prepend(rows: Activity[]): void {
    const head = this.rows.slice(0, 500);
    const known = new Set(head.map((row) => row.id));
    const fresh = rows.filter((row) => !known.has(row.id));
    if (!fresh.length) return;
    // Ids grow with time. Rows fetched to close a gap may arrive after the tail has added them.
    const top = [...fresh, ...head].sort((a, b) => (a.id < b.id ? 1 : -1));
    const all = [...top, ...this.rows.slice(500)];
    if (all.length > KEEP) {
      all.length = KEEP - PAGE;
      // The cursor is below the rows that were dropped: continue by time and skip known rows.
      this.#cursor = undefined;
      this.more = true;
    }
    this.rows = all;
  }

  /** Fetches the rows written while the tail was off; restarts when they exceed a page. */
  async catchUp(): Promise<void> {
    if (!this.loaded) return;
    const filter = this.#filter;
    const newest = this.rows[0]?.id;
    try {
      const page = await ask(GET('/v1/activity', { params: { query: { ...filter, limit: PAGE } } }));
      if (filter !== this.#filter) return;
      if (!newest || !page.next_cursor || page.data.some((row) => row.id <= newest)) this.prepend(page.data);
      else await this.open(filter);
    } catch (cause) {
      this.error = cause;
    }
  }

  async #page(): Promise<void> {
    const turn = ++this.#turn;
    this.loading = true;
    this.error = undefined;
    const last = this.#cursor ? undefined : this.rows.at(-1);
    const to = last ? new Date(Date.parse(last.at) + 1).toISOString() : this.#filter.to;
    try {
      const query = { ...this.#filter, to, cursor: this.#cursor, limit: PAGE };
      const page = await ask(GET('/v1/activity', { params: { query: query } }));
      if (turn !== this.#turn) return;
      const known = new Set(this.rows.slice(-PAGE).map((row) => row.id));
      this.rows = [...this.rows, ...page.data.filter((row) => !known.has(row.id))];
      this.#cursor = page.next_cursor ?? undefined;
      this.more = this.#cursor !== undefined;
      this.loaded = true;
    } catch (cause) {
      if (turn === this.#turn) this.error = cause;
    } finally {
      if (turn === this.#turn) this.loading = false;
    }
  }
}
