import { describe, expect, it } from 'vitest';
import { logLine } from '../../src/cli/log-line.js';
import { localTime } from '../../src/cli/time-words.js';

describe('logLine', () => {
  const time = Date.UTC(2026, 10, 24, 12);

  it('puts time, level and message first, then what belongs to them', () => {
    const line = { level: 30, time, hit: '01JD', camera: 'door', similarity: 0.7, msg: 'hit: Ann' };
    expect(logLine(JSON.stringify(line))).toBe(
      `${localTime(time)} info  hit: Ann  (hit=01JD, camera=door, similarity=0.7)`,
    );
    const plain = { level: 50, time, msg: 'it failed', err: { stack: 'Error: x\n    at y' } };
    expect(logLine(JSON.stringify(plain))).toBe(
      `${localTime(time)} ERROR it failed\nError: x\n    at y`,
    );
  });

  it.each(['', 'Started faceeval.service', '{"level":30', '{"a":1}', '[]'])(
    'leaves %j as it is',
    (line) => expect(logLine(line)).toBe(line),
  );
});
