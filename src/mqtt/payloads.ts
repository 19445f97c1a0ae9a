import { z } from 'zod';
import type { CameraStatus, Hit } from '../domain/records.js';
import type { PresenceNow } from '../hits/presence.js';

/** The messages of the contract (docs/mqtt.md). Receivers may rely on every field named here. */

const timestamp = z.iso.datetime();
const count = z.number().int().min(0);
const fraction = z.number().min(0).max(1);
const cosine = z.number().min(-1.001).max(1.001);

/** `<base>/state`, also the last will. */
export const ONLINE = JSON.stringify({ state: 'online' });
export const OFFLINE = JSON.stringify({ state: 'offline' });

const identitySchema = z.strictObject({ id: z.string().min(1), name: z.string().min(1) });

/** `<base>/hits` and `<base>/unknowns`. */
export const hitSchema = z.strictObject({
  schema: z.literal(1),
  id: z.ulid(),
  type: z.enum(['recognised', 'unknown']),
  time: timestamp,
  camera: z.string(),
  track: z.string(),
  identity: identitySchema.exactOptional(),
  stranger: z.strictObject({ id: z.string(), label: z.string() }).exactOptional(),
  similarity: cosine,
  threshold: cosine,
  margin: z.number(),
  shots: count,
  quality: fraction,
  liveness: fraction.exactOptional(),
  box: z.strictObject({ x: z.number(), y: z.number(), width: z.number(), height: z.number() }),
  frame: z.strictObject({ width: z.number(), height: z.number() }),
  model: z.string(),
  latencyMs: z.strictObject({
    capture: z.number(),
    detect: z.number(),
    embed: z.number(),
    match: z.number(),
    total: z.number(),
  }),
  delayed: z.literal(true).exactOptional(),
  ageMs: z.number().min(0).exactOptional(),
}) satisfies z.ZodType<Hit>;

/** `<base>/cameras/<camera>/state` */
export const cameraStateSchema = z.strictObject({
  state: z.enum(['connecting', 'online', 'reconnecting', 'lost', 'ended', 'paused']),
  reason: z.string().exactOptional(),
  since: timestamp,
});

/** `<base>/cameras/<camera>/presence` */
export const presenceSchema = z.strictObject({
  /** For people: `Alice, Bob, 1 unknown`, or `nobody`. */
  state: z.string().min(1),
  names: z.array(z.string()),
  unknown: count,
  /** Somebody not seen for so long is gone. */
  windowS: z.number().positive(),
});

/** `<base>/people/<slug>/presence` */
export const personPresenceSchema = z.strictObject({
  state: z.enum(['present', 'absent']),
  id: z.string(),
  name: z.string(),
  /** Ids of the cameras that see the person. */
  cameras: z.array(z.string()),
});

const quantiles = z.strictObject({ p50: z.number(), p95: z.number() });

/** `<base>/health` */
export const healthSchema = z.strictObject({
  status: z.enum(['ok', 'degraded']),
  /** What is wrong, in words; empty when all is well. */
  problems: z.array(z.string()),
  version: z.string(),
  node: z.string(),
  device: z.string(),
  uptimeS: count,
  vision: z.strictObject({ state: z.string(), restarts: count }),
  builds: z.array(
    z.strictObject({
      role: z.string(),
      id: z.string(),
      precision: z.string(),
      provider: z.string(),
      reason: z.string(),
    }),
  ),
  /** Sum of all cameras. */
  fps: z.number().min(0),
  cameras: z.array(
    z.strictObject({
      camera: z.string(),
      state: z.string(),
      fps: z.number().min(0),
      /** Age of its newest frame that was worked on; null while there is none. */
      frameAgeMs: z.number().nullable(),
      frames: count,
      dropped: count,
      reconnects: count,
    }),
  ),
  /** Capture to decision of the hits of the last hour, and each stage over the last minute. */
  latencyMs: z.strictObject({
    hit: quantiles.nullable(),
    stages: z.record(z.string(), quantiles.extend({ p99: z.number() })),
  }),
  /** Age of the newest frame that was worked on; null while there is none. */
  frameAgeMs: z.number().nullable(),
  eventLoopP99Ms: z.number().min(0),
  outbox: count,
  memory: z.strictObject({
    daemonRssBytes: count,
    visionRssBytes: count,
    freeBytes: count,
  }),
  temperatureC: z.number().nullable(),
});

export type HealthReport = z.output<typeof healthSchema>;
export type PersonPresence = z.output<typeof personPresenceSchema>;

/** Payload of `cameras/<camera>/state`. */
export function cameraStatePayload({ state, reason, sinceMs }: CameraStatus): string {
  const payload: z.output<typeof cameraStateSchema> = {
    state,
    ...(reason !== undefined && { reason }),
    since: new Date(sinceMs).toISOString(),
  };
  return JSON.stringify(payload);
}

/** Payload of `cameras/<camera>/presence`: a readable state, and who it is made of. */
export function presencePayload({ people, unknown }: PresenceNow, windowMs: number): string {
  const names = people.map(({ name }) => name).sort((a, b) => a.localeCompare(b));
  // Never `unknown` alone: Home Assistant has that word for a sensor without a value.
  const strangers = unknown === 0 ? [] : [`${unknown} unknown`];
  const payload: z.output<typeof presenceSchema> = {
    state: [...names, ...strangers].join(', ') || 'nobody',
    names,
    unknown,
    windowS: windowMs / 1000,
  };
  return JSON.stringify(payload);
}

/** Payload of `people/<slug>/presence`. */
export function personPresencePayload(
  { id, name }: { readonly id: string; readonly name: string },
  cameras: readonly string[],
): string {
  const payload: PersonPresence = {
    state: cameras.length > 0 ? 'present' : 'absent',
    id,
    name,
    cameras: [...cameras],
  };
  return JSON.stringify(payload);
}
