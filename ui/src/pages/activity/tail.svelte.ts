/** The live tail: new rows, batched so that a busy log does not redraw for each. */
import type { Activity } from '../../api/types';
import type { Filter } from './filter';

const GATHER_MILLISECONDS = 250;
const RATE_MILLISECONDS = 5_000;

export class Tail {
  /** `off`, `connecting`, `live` or `lost` (it reconnects automatically). */
  state = $state<'off' | 'connecting' | 'live' | 'lost'>('off');
  /** Rows per second, over the last five. */
  rate = $state(0);
  #source: EventSource | null = null;
  #gathered: Activity[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #arrived: { at: number; count: number }[] = [];
  #take: (rows: Activity[]) => void;
  #gap: () => void;

  /** `take` gets new rows, newest first; `gap` is called when rows may have been missed. */
  constructor(take: (rows: Activity[]) => void, gap: () => void) {
    this.#take = take;
    this.#gap = gap;
  }

  start(filter: Filter): void {
    this.stop();
    this.state = 'connecting';
    const query = new URLSearchParams(Object.entries(filter).filter(([name]) => name !== 'from' && name !== 'to'));
    const source = new EventSource(`/v1/activity/stream?${query}`);
    source.onopen = () => {
      this.state = 'live';
      this.#gap();
    };
    source.onerror = () => (this.state = source.readyState === EventSource.CLOSED ? 'off' : 'lost');
    source.addEventListener('activity', (event) => this.#gathered.push(JSON.parse(event.data)));
    source.addEventListener('lagged', () => this.#gap());
    this.#source = source;
    this.#timer = setInterval(() => this.#hand(), GATHER_MILLISECONDS);
  }

  stop(): void {
    this.#source?.close();
    this.#source = null;
    clearInterval(this.#timer);
    this.#hand();
    this.state = 'off';
    this.rate = 0;
    this.#arrived = [];
  }

  #hand(): void {
    const now = Date.now();
    const rows = this.#gathered;
    this.#gathered = [];
    this.#arrived = [...this.#arrived, { at: now, count: rows.length }].filter(({ at }) => at > now - RATE_MILLISECONDS);
    const total = this.#arrived.reduce((sum, { count }) => sum + count, 0);
    this.rate = Math.round((total * 1000) / RATE_MILLISECONDS);
    if (rows.length) this.#take(rows.reverse());
  }
}
