import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Hit } from '../../src/domain/records.js';
import {
  cameraStatePayload,
  cameraStateSchema,
  hitSchema,
  personPresencePayload,
  personPresenceSchema,
  presencePayload,
  presenceSchema,
} from '../../src/mqtt/payloads.js';
import { personSlugs, slugOf } from '../../src/mqtt/slug.js';
import { topicMatches, topicsUnder } from '../../src/mqtt/topics.js';

describe('slugs', () => {
  it.each([
    ['Alice', 'alice'],
    ['Zoë Müller-Lüdenscheidt', 'zoe_muller_ludenscheidt'],
    ['Łukasz', 'lukasz'],
    ['Мария', 'mariya'],
    ['北京', 'beijing'],
    ['Σοφία', 'sofia'],
    ['___', ''],
  ])('writes %s as %s', (name, slug) => expect(slugOf(name)).toBe(slug));

  it('is always fit for a topic and an entity id', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (name) => {
        expect(slugOf(name)).toMatch(/^([a-z0-9]([a-z0-9_]{0,38}[a-z0-9])?)?$/);
      }),
    );
  });

  it('is unique, and does not depend on the order of the list', () => {
    const names = fc.constantFrom('Ana', 'Aná', 'ANA', '…', '¿', 'Zoë', 'zoe');
    fc.assert(
      fc.property(fc.array(names, { maxLength: 12 }), (list) => {
        const identities = list.map((name, index) => ({ id: `01J${index + 10}`, name }));
        const slugs = personSlugs(identities);
        expect(new Set(slugs.values()).size).toBe(identities.length);
        expect(personSlugs(identities.toReversed())).toEqual(slugs);
        for (const slug of slugs.values()) expect(slug).toMatch(/^[a-z0-9_]+$/);
      }),
    );
  });

  it('leaves the slug of the first alone when another comes', () => {
    const first = { id: '01A', name: 'Ana' };
    expect(personSlugs([{ id: '01B', name: 'Aná' }, first]).get('01A')).toBe('ana');
  });
});

describe('topics', () => {
  it.each([
    ['faceeval/request/+', 'faceeval/request/enroll', true],
    ['faceeval/request/+', 'faceeval/request/enroll/x', false],
    ['faceeval/#', 'faceeval/a/b', true],
    ['faceeval/#', 'other/a', false],
    ['a/+/c', 'a/b/c', true],
    ['a/b', 'a/b', true],
    ['a/b', 'a/b/c', false],
  ])('filter %s and topic %s: %s', (filter, topic, matches) => {
    expect(topicMatches(filter, topic)).toBe(matches);
  });

  it('are those of the contract', () => {
    const topics = topicsUnder('home/faces');
    expect(topics.hits).toBe('home/faces/hits');
    expect(topics.cameraPresence('door')).toBe('home/faces/cameras/door/presence');
    expect(topics.snapshot('01H')).toBe('home/faces/snapshots/01H');
    expect(topics.response('enroll')).toBe('home/faces/response/enroll');
  });
});

describe('payloads', () => {
  const hit: Hit = {
    schema: 1,
    id: '01JDGZ5N5R8Q0V0T6P6X7Y8Z9A',
    type: 'recognised',
    time: '2026-11-24T10:00:00.000Z',
    camera: 'door',
    track: 'b1-7',
    identity: { id: '01JDGZ5N5R8Q0V0T6P6X7Y8Z9B', name: 'Zoë' },
    similarity: 0.71,
    threshold: 0.42,
    margin: 0.31,
    shots: 2,
    quality: 0.8,
    box: { x: -3, y: 10, width: 90, height: 110 },
    frame: { width: 640, height: 480 },
    model: 'mobilefacenet-int8',
    latencyMs: { capture: 3, detect: 6, embed: 4, match: 0.1, total: 15 },
  };

  it('take a hit as it is and refuse what is not in the contract', () => {
    expect(hitSchema.parse(JSON.parse(JSON.stringify(hit)))).toEqual(hit);
    expect(hitSchema.safeParse({ ...hit, delayed: true, ageMs: 7_000 }).success).toBe(true);
    for (const bad of [{ delayed: false }, { type: 'maybe' }, { extra: 1 }, { schema: 2 }]) {
      expect(hitSchema.safeParse({ ...hit, ...bad }).success).toBe(false);
    }
  });

  it('say who is there', () => {
    const people = [
      { id: '2', name: 'Zoë' },
      { id: '1', name: 'Alice' },
    ];
    const state = (present: Parameters<typeof presencePayload>[0]) => {
      const payload = JSON.parse(presencePayload(present, 30_000));
      return presenceSchema.parse(payload);
    };
    expect(state({ people: [], unknown: 0 })).toEqual({
      state: 'nobody',
      names: [],
      unknown: 0,
      windowS: 30,
    });
    expect(state({ people, unknown: 0 }).state).toBe('Alice, Zoë');
    expect(state({ people, unknown: 1 }).state).toBe('Alice, Zoë, 1 unknown');
    expect(state({ people: [], unknown: 1 }).state).toBe('1 unknown');
    expect(state({ people: [], unknown: 2 }).state).toBe('2 unknown');
  });

  it('say what a camera does', () => {
    const status = { cameraId: 'door', state: 'lost', reason: 'no route', sinceMs: 0 } as const;
    expect(cameraStateSchema.parse(JSON.parse(cameraStatePayload(status)))).toEqual({
      state: 'lost',
      reason: 'no route',
      since: '1970-01-01T00:00:00.000Z',
    });
  });

  it('say where a person is', () => {
    const alice = { id: '1', name: 'Alice' };
    const parse = (text: string) => personPresenceSchema.parse(JSON.parse(text));
    expect(parse(personPresencePayload(alice, []))).toMatchObject({ state: 'absent', cameras: [] });
    expect(parse(personPresencePayload(alice, ['door']))).toMatchObject({ state: 'present' });
  });
});
