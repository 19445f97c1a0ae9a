import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';
import type { Candidate } from '../../src/gallery/gallery-index.js';
import { judge } from '../../src/hits/verdict.js';

const { hits: rules } = configSchema.parse({});
const ann = { id: 'a', name: 'Ann' };
const bob = { id: 'b', name: 'Bob' };
const near = (identity: typeof ann, similarity: number): Candidate => ({ identity, similarity });

/** Ann's look-alike makes her threshold higher. */
const thresholdOf = (id: string | null) => (id === 'a' ? 0.5 : 0.4);

function verdict(candidates: Candidate[], shots: number, before: typeof ann | null = null) {
  const { kind, match } = judge({ candidates, shots, before }, thresholdOf, rules);
  return kind === 'recognised' ? match.identity?.name : kind;
}

describe('judge', () => {
  it.each([
    ['names who is over their threshold on enough shots', [near(bob, 0.41)], 2, 'Bob'],
    ['waits for a second shot', [near(bob, 0.41)], 1, 'undecided'],
    ['takes one shot that is beyond doubt', [near(bob, 0.56)], 1, 'Bob'],
    ['holds the threshold of the identity', [near(ann, 0.45), near(bob, 0.1)], 2, 'undecided'],
    ['does not choose between two who are near', [near(ann, 0.6), near(bob, 0.57)], 9, 'undecided'],
    ['names who leads by the margin', [near(ann, 0.6), near(bob, 0.54)], 2, 'Ann'],
    ['says unknown after enough shots', [near(bob, 0.2)], 3, 'unknown'],
    ['says nothing of somebody new after few shots', [near(bob, 0.2)], 2, 'undecided'],
    ['does not call somebody unknown who may be a look-alike', [near(ann, 0.45)], 9, 'undecided'],
    ['says unknown where the gallery is empty', [], 3, 'unknown'],
  ] as const)('%s', (_what, candidates, shots, wanted) => {
    expect(verdict([...candidates], shots)).toBe(wanted);
  });

  it('keeps a name a little below its threshold', () => {
    expect(verdict([near(bob, 0.36)], 5, bob)).toBe('Bob');
    expect(verdict([near(bob, 0.34)], 5, bob)).toBe('unknown');
    expect(verdict([near(ann, 0.4), near(bob, 0.38)], 5, bob)).toBe('Bob');
  });

  it('gives a name up for somebody who leads clearly', () => {
    expect(verdict([near(ann, 0.8), near(bob, 0.42)], 5, bob)).toBe('Ann');
    expect(verdict([near(ann, 0.52), near(bob, 0.49)], 5, bob)).toBe('Bob');
  });

  it('says how the named one stands against the others', () => {
    const candidates = [near(ann, 0.4), near(bob, 0.38)];
    expect(judge({ candidates, shots: 5, before: bob }, thresholdOf, rules).match).toEqual({
      identity: bob,
      similarity: 0.38,
      runnerUp: 0.4,
      threshold: 0.4,
    });
  });
});
