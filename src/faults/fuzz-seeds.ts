import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { configSchema } from '../config/schema.js';

/** Whole files that mutations start from. */
export interface ImageSeed {
  readonly name: string;
  readonly bytes: Buffer;
}

const ULID = '01JD0000000000000000000000';
const SIZES_PX = [96, 320];
const FORMATS = ['jpg', 'png', 'webp'] as const;

/**
 * Photos with a face in each format and in two sizes, by ffmpeg; a progressive JPEG is the original.
 *
 * @param photos JPEG files.
 */
export function makeImageSeeds(photos: readonly string[], dir: string): ImageSeed[] {
  const seeds: ImageSeed[] = [];
  for (const [index, photo] of photos.entries()) {
    for (const format of FORMATS) {
      for (const sizePx of SIZES_PX) {
        const name = `${index}-${sizePx}.${format}`;
        const path = join(dir, name);
        const scale = ['-vf', `scale=${sizePx}:-2`, '-frames:v', '1'];
        execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', photo, ...scale, path]);
        seeds.push({ name, bytes: readFileSync(path) });
      }
    }
  }
  return seeds;
}

/** Right requests of each command, and of one that is none. */
export const REQUEST_SEEDS: Readonly<Record<string, readonly object[]>> = {
  enroll: [
    { name: 'Ann', image: 'aaaa', note: 'agreed', expiresAt: '2030-01-01T00:00:00Z' },
    { name: 'Ann', hit: ULID },
    { name: 'Ann', stranger: '1', transaction: 7 },
  ],
  forget: [{ person: 'Nobody', transaction: 't' }],
  identify: [{ image: 'aaaa', transaction: 't' }],
  pause: [{}, { camera: 'door' }],
  resume: [{}, { camera: 'door', transaction: 1 }],
  reload: [{}],
  status: [{ transaction: 'x' }],
  people: [{}],
  rename: [{ person: 'Freya', name: 'Freya' }],
  strangers: [{}],
  'name-stranger': [{ stranger: '1', name: 'Bob' }],
  'merge-strangers': [{ stranger: '1', into: '2' }],
  'ignore-stranger': [{ stranger: '1', on: true }],
  hits: [{ limit: 5, camera: 'door', person: 'Freya', since: '2026-01-01T00:00:00Z' }],
  'correct-hit': [{ hit: ULID, is: 'Freya' }],
  person: [{ person: 'Freya' }],
  consent: [{ person: 'Freya', note: 'agreed', expiresAt: null }],
  hit: [{ hit: ULID }],
  stranger: [{ stranger: '1' }],
  'remove-template': [{ person: 'Freya', template: ULID }],
  purge: [{ before: '2020-01-01T00:00:00Z' }],
  backups: [{}],
  restore: [{ backup: 'none.db' }],
  'make-coffee': [{ cups: 2 }],
};

/** Configurations: every key with its default, and a short one as people write it. */
export function makeConfigSeeds(): string[] {
  const whole = configSchema.parse({
    cameras: [{ id: 'door', source: 'rtsp://user:secret@192.168.1.2/stream', fps: 10 }],
  });
  const short = [
    ...['# at home', 'node: hall', 'cameras:', '  - &door', '    id: door'],
    ...['    source: /dev/video0', '    width: 1280', '  - <<: *door', '    id: back'],
    ...['mqtt:', '  url: mqtt://broker:1883', '  maxHitAgeMs: 60_000', 'log: { level: debug }'],
  ];
  return [stringify(whole), `${short.join('\n')}\n`];
}

/** The beginning of an MQTT 3.1.1 session on the wire: CONNECT, SUBSCRIBE, PUBLISH, PINGREQ. */
export const WIRE_SEED = Buffer.concat([
  Buffer.from('101000044d5154540402003c000466757a7a', 'hex'),
  Buffer.from('820f0001000a666163656576616c2f2301', 'hex'),
  Buffer.from('321d0017666163656576616c2f726571756573742f73746174757300027b7d', 'hex'),
  Buffer.from('c000', 'hex'),
]);
