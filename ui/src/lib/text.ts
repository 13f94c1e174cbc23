/** Maximum length of a name, in characters, as in the API. */
export const MAX_NAME = 120;

const plain = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** `1,000`. */
export const count = (value: number): string => plain.format(value);

/** `1.2M`, for axes and tiles. */
export const compact = (value: number): string => (Math.abs(value) < 10_000 ? plain.format(value) : short.format(value));

/** `1 key`, `3 keys`. */
export const many = (value: number, one: string, more = `${one}s`): string => `${plain.format(value)} ${value === 1 ? one : more}`;

/** `req_01kb2…7hqe`. */
export function shorten(id: string, start = 9, end = 4): string {
  return id.length > start + end + 1 ? `${id.slice(0, start)}…${id.slice(-end)}` : id;
}

/** `0.4 ms`, `12 ms`, `1.2 s`. */
export function took(microseconds: number | null | undefined): string {
  if (microseconds == null) return '';
  const milliseconds = microseconds / 1000;
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

/** `1.5 kB`. */
export function bytes(value: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = value < 1000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), units.length - 1);
  return `${(value / 1000 ** power).toFixed(power && value / 1000 ** power < 10 ? 1 : 0)} ${units[power]}`;
}

/** Upper case for the first letter. */
export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** An id for `for`, `aria-labelledby` and the like, unique on this page. */
let last = 0;
export const uniqueId = (prefix = 'id'): string => `${prefix}-${++last}`;
