import pino from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { ProblemLog } from '../../src/daemon/problem-log.js';

let lines: { level: number; msg: string; times?: number }[];
let nowMs: number;
let problems: ProblemLog;
beforeEach(() => {
  lines = [];
  nowMs = 0;
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  problems = new ProblemLog(log, () => nowMs);
});

const FULL = new Error('the disk is full');
const WHAT = 'hits cannot be recorded';

describe('ProblemLog', () => {
  it('says a problem at once, then once a minute with how often it came', () => {
    for (; nowMs < 125_000; nowMs += 100) problems.report(WHAT, FULL);
    expect(lines.map(({ msg, times }) => ({ msg, times }))).toEqual([
      { msg: WHAT, times: undefined },
      { msg: WHAT, times: 600 },
      { msg: WHAT, times: 600 },
    ]);
    expect(problems.current()).toEqual([`${WHAT}: the disk is full`]);
  });

  it('says another reason at once, and another problem for itself', () => {
    problems.report(WHAT, FULL);
    problems.report(WHAT, new Error('it is read-only'));
    problems.report('something else', FULL);
    expect(lines).toHaveLength(3);
    expect(problems.current()).toHaveLength(2);
  });

  it('says once that it is over, and then the next time at once', () => {
    problems.solved(WHAT);
    expect(lines).toEqual([]);
    problems.report(WHAT, FULL);
    problems.solved(WHAT);
    problems.solved(WHAT);
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      [50, WHAT],
      [30, `over: ${WHAT}`],
    ]);
    problems.report(WHAT, FULL);
    expect(lines).toHaveLength(3);
    expect(problems.current()).toHaveLength(1);
  });
});
