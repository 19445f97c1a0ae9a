import { FaceEvalError } from '../domain/errors.js';

const UNITS_MS = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** Dates beyond the year 9999 have a form of their own, and nobody means them. */
const MAX_SPAN_MS = 1_000 * UNITS_MS.y;

/**
 * Milliseconds of a span: `90s`, `15m`, `12h`, `30d`, `2w`, `1y`.
 *
 * @throws FaceEvalError USAGE when it is none, or longer than 1000 years.
 */
export function parseSpanMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([smhdwy])$/i.exec(text.trim());
  if (match === null) {
    throw new FaceEvalError('USAGE', `"${text}" is no span of time`, {
      hint: 'give a number and a unit: 90s, 15m, 12h, 30d, 2w or 1y',
    });
  }
  const spanMs = Number(match[1]) * UNITS_MS[match[2]?.toLowerCase() as keyof typeof UNITS_MS];
  if (spanMs <= MAX_SPAN_MS) return spanMs;
  throw new FaceEvalError('USAGE', `${text} is too long`, { hint: 'give at most 1000y' });
}

/**
 * A moment in the past: a date (`2026-11-24`, `2026-11-24T12:00`), or a span back from now.
 *
 * @throws FaceEvalError USAGE when it is neither.
 */
export function parsePast(text: string, nowMs = Date.now()): Date {
  return dateOf(text) ?? new Date(nowMs - parseSpanMs(text));
}

/** A moment to come: a date, or a span from now. */
export function parseFuture(text: string, nowMs = Date.now()): Date {
  const at = dateOf(text) ?? new Date(nowMs + parseSpanMs(text));
  if (at.getTime() > nowMs) return at;
  throw new FaceEvalError('USAGE', `${text} is past`, { hint: 'give a date to come, or 1y' });
}

function dateOf(text: string): Date | undefined {
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return undefined;
  // A day without a time is that of the clock on the wall here.
  const date = new Date(text.length === 10 ? `${text}T00:00` : text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** `3 days 4 h`, `12 min`, `5 s`: the two largest units. */
export function spanWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  const said = days === 1 ? '1 day' : `${days} days`;
  return hours % 24 === 0 || days > 6 ? said : `${said} ${hours % 24} h`;
}

/** `2026-11-24 12:31:05`, in the time of this machine. */
export function localTime(at: Date | number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** `2026-11-24`, in the time of this machine. */
export const localDay = (at: Date | number): string => localTime(at).slice(0, 10);
