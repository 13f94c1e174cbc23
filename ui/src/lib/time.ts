/** Times in the reader's zone; the tooltip has the exact UTC time. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const dayAndYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
const minute = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** `3 May`, with the year when it is another one. */
export function date(at: number, now = Date.now()): string {
  const same = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (same ? day : dayAndYear).format(at);
}

/** `14:02`. */
export const clock = (at: number): string => minute.format(at);

/** `14:02:30.773`, as in the log: formatted by hand, because scrolling formats hundreds of times a second. */
export function exactClock(at: number): string {
  const moment = new Date(at);
  const two = (value: number) => (value < 10 ? `0${value}` : `${value}`);
  const milliseconds = String(moment.getMilliseconds()).padStart(3, '0');
  return `${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}.${milliseconds}`;
}

/** The exact time for tooltips: `2026-05-03 12:02:30.773 UTC`. */
export const utc = (at: number): string => `${new Date(at).toISOString().replace('T', ' ').replace('Z', '')} UTC`;

/** `12 s`, `5 min`, `3 h`, `12 days`: the largest unit that fits, rounded down. */
export function span(milliseconds: number): string {
  const size = Math.abs(milliseconds);
  if (size < MINUTE) return `${Math.floor(size / 1000)} s`;
  if (size < HOUR) return `${Math.floor(size / MINUTE)} min`;
  if (size < 2 * DAY) return `${Math.floor(size / HOUR)} h`;
  if (size < 730 * DAY) return `${Math.floor(size / DAY)} days`;
  return `${Math.floor(size / (365 * DAY))} years`;
}

/** `just now`, `5 min ago`, `in 3 h`; a date when it is more than 30 days away. */
export function relative(at: number, now: number): string {
  const away = at - now;
  if (Math.abs(away) < 10_000) return 'just now';
  if (Math.abs(away) > 30 * DAY) return date(at, now);
  return away < 0 ? `${span(away)} ago` : `in ${span(away)}`;
}

/** `1:23:45` until something ends. */
export function countdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  return `${hours}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** Value of `<input type="datetime-local">` for a time, in the reader's zone. */
export function localInput(at: number): string {
  return new Date(at - new Date(at).getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}

/** `60` → `minute`; for limits: `1,000 a minute`. */
export function windowName(seconds: number): string {
  const names: Record<number, string> = { 1: 'second', 60: 'minute', 3600: 'hour', 86400: 'day' };
  return names[seconds] ?? (seconds % 60 ? `${seconds} seconds` : `${seconds / 60} minutes`);
}

const HOUR_SECONDS = 3600;

/** `3600` → `1 hour`. */
export function duration(seconds: number): string {
  const say = (count: number, unit: string) => `${count} ${unit}${count === 1 ? '' : 's'}`;
  if (seconds % (24 * HOUR_SECONDS) === 0 && seconds) return say(seconds / (24 * HOUR_SECONDS), 'day');
  if (seconds % HOUR_SECONDS === 0 && seconds) return say(seconds / HOUR_SECONDS, 'hour');
  if (seconds % 60 === 0 && seconds) return say(seconds / 60, 'minute');
  return say(seconds, 'second');
}
