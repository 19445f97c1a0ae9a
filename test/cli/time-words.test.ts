import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  localDay,
  localTime,
  parseFuture,
  parsePast,
  parseSpanMs,
  spanWords,
} from '../../src/cli/time-words.js';

const nowMs = Date.UTC(2026, 10, 24, 12);
const HOUR_MS = 3_600_000;

describe('spans of time', () => {
  it.each([
    ['90s', 90_000],
    ['15m', 900_000],
    ['1.5h', 1.5 * HOUR_MS],
    ['30d', 720 * HOUR_MS],
    ['2w', 336 * HOUR_MS],
    ['1Y', 8_760 * HOUR_MS],
    [' 3 d ', 72 * HOUR_MS],
  ])('%s is read', (text, ms) => expect(parseSpanMs(text)).toBe(ms));

  it.each(['', '30', 'd', '-1d', '1 month', '30dd'])('%j is refused', (text) => {
    expect(() => parseSpanMs(text)).toThrow(/is no span of time/);
  });

  it.each(['99999999y', '1e9y', '400000d'])('%s makes no date', (text) => {
    expect(() => parsePast(text)).toThrow(/is too long|is no span/);
    expect(() => parseFuture(text)).toThrow(/is too long|is no span/);
  });

  it.each([
    [0, '0 s'],
    [59_400, '59 s'],
    [60_000, '1 min'],
    [HOUR_MS, '1 h'],
    [2 * HOUR_MS + 300_000, '2 h 5 min'],
    [24 * HOUR_MS, '1 day'],
    [51 * HOUR_MS, '2 days 3 h'],
    [1_000 * HOUR_MS, '41 days'],
  ])('%d ms are %s', (ms, words) => expect(spanWords(ms)).toBe(words));
});

describe('moments', () => {
  it('are a date or a span from now', () => {
    expect(parsePast('2h', nowMs).getTime()).toBe(nowMs - 2 * HOUR_MS);
    expect(parseFuture('1d', nowMs).getTime()).toBe(nowMs + 24 * HOUR_MS);
    expect(localTime(parsePast('2026-11-01', nowMs))).toBe('2026-11-01 00:00:00');
    expect(localTime(parsePast('2026-11-01T08:30', nowMs))).toBe('2026-11-01 08:30:00');
    expect(() => parsePast('2026-13-45', nowMs)).toThrow(/no span of time/);
  });

  it('to come are not past', () => {
    expect(() => parseFuture('2026-11-23', nowMs)).toThrow('2026-11-23 is past');
    expect(() => parseFuture('0d', nowMs)).toThrow(/is past/);
  });

  it('are written as they are read', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }), (at) => {
        const text = localTime(at);
        expect(localTime(parsePast(text.replace(' ', 'T'), 5e12))).toBe(text);
        expect(text.startsWith(localDay(at))).toBe(true);
      }),
    );
  });
});
