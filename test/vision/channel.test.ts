import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Observation, TrackEnded } from '../../src/domain/records.js';
import { Channel } from '../../src/vision/channel.js';
import { OBSERVATION_CREDIT, type VisionMessage } from '../../src/vision/messages.js';

/** The channel looks at nothing else of these records. */
const observation = (trackId: string, frameId: number): Observation =>
  ({ trackId, frameId }) as Observation;
const trackEnded = (trackId: string) =>
  ({ type: 'trackEnded', track: { trackId } as TrackEnded }) as const;

class Wire {
  readonly posted: VisionMessage[] = [];
  readonly channel = new Channel((message) => this.posted.push(message));

  get observations(): Observation[] {
    return this.posted.flatMap((message) =>
      message.type === 'observation' ? [message.observation] : [],
    );
  }
}

describe('Channel', () => {
  it('sends what the credit allows, then keeps the newest of each track', () => {
    const { channel, ...wire } = new Wire();
    for (let frame = 1; frame <= 100; frame++) channel.observe(observation(`t${frame % 2}`, frame));
    expect(wire.posted.length).toBe(OBSERVATION_CREDIT);
    channel.grant(5);
    expect(wire.posted.slice(OBSERVATION_CREDIT)).toEqual([
      { type: 'observation', observation: observation('t1', 99) },
      { type: 'observation', observation: observation('t0', 100) },
    ]);
  });

  it('sends the last words of a track before its end', () => {
    const { channel, ...wire } = new Wire();
    for (let frame = 1; frame <= 40; frame++) channel.observe(observation('t', frame));
    channel.endTrack(trackEnded('t'));
    expect(wire.posted.slice(-2)).toEqual([
      { type: 'observation', observation: observation('t', 40) },
      trackEnded('t'),
    ]);
    channel.grant(OBSERVATION_CREDIT);
    expect(wire.posted.at(-1)).toEqual(trackEnded('t'));
  });

  it('never has more under way than the credit and one for each ended track', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('see' as const), track: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ kind: fc.constant('end' as const), track: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ kind: fc.constant('take' as const), track: fc.integer({ min: 1, max: 20 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const wire = new Wire();
        const newest = new Map<string, number>();
        let taken = 0;
        for (const [frameId, { kind, track }] of steps.entries()) {
          const trackId = `t${track}`;
          if (kind === 'see') {
            wire.channel.observe(observation(trackId, frameId));
            newest.set(trackId, frameId);
          }
          const before = wire.observations.length;
          if (kind === 'end') {
            wire.channel.endTrack(trackEnded(trackId));
            const last = newest.get(trackId);
            const sent = wire.observations.filter((sentOne) => sentOne.trackId === trackId);
            expect(sent.at(-1)?.frameId).toBe(last);
            expect(wire.observations.length - before).toBeLessThanOrEqual(1);
          } else {
            if (kind === 'take') {
              // The daemon takes what has arrived, and grants as much again.
              const count = Math.min(track, wire.observations.length - taken);
              taken += count;
              wire.channel.grant(count);
            }
            if (wire.observations.length > before) {
              expect(wire.observations.length - taken).toBeLessThanOrEqual(OBSERVATION_CREDIT);
            }
          }
        }
        // Once everything was taken, everything newest has been said.
        while (taken < wire.observations.length) {
          const count = wire.observations.length - taken;
          taken += count;
          wire.channel.grant(count);
        }
        for (const [trackId, frameId] of newest) {
          expect(wire.observations.findLast((one) => one.trackId === trackId)?.frameId).toBe(
            frameId,
          );
        }
        const order = wire.observations.map(({ trackId, frameId }) => ({ trackId, frameId }));
        for (const id of newest.keys()) {
          const frames = order.filter(({ trackId }) => trackId === id).map((one) => one.frameId);
          expect(frames).toEqual([...frames].sort((a, b) => a - b));
        }
      }),
      { numRuns: 200 },
    );
  });
});
