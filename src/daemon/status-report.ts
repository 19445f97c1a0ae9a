import { z } from 'zod';
import { maskUrl } from '../config/mask.js';
import type { Config } from '../config/schema.js';
import type { CameraStatus, Hit } from '../domain/records.js';
import { type HealthReport, healthSchema, hitSchema } from '../mqtt/payloads.js';

/** What `status` answers: the health, and what belongs to this process. */
export const statusSchema = healthSchema.extend({
  pid: z.number().int(),
  startedAt: z.iso.datetime(),
  stateDir: z.string(),
  broker: z.strictObject({
    /** Without passwords. */
    url: z.string(),
    connected: z.boolean(),
    /** Why there is no connection. */
    problem: z.string().nullable(),
  }),
  gallery: z.strictObject({
    people: z.number().int(),
    templates: z.number().int(),
    /** Null while the models load. */
    threshold: z.number().nullable(),
  }),
  cameras: z.array(
    healthSchema.shape.cameras.element.extend({
      /** Why it is not online. */
      reason: z.string().nullable(),
      since: z.iso.datetime().nullable(),
    }),
  ),
  lastHit: hitSchema.nullable(),
});

export type StatusReport = z.output<typeof statusSchema>;

/** What the parts of the daemon contribute. */
export interface StatusSources {
  readonly config: Pick<Config, 'stateDir' | 'cameras'>;
  readonly health: HealthReport;
  readonly broker: StatusReport['broker'];
  readonly gallery: StatusReport['gallery'];
  readonly cameras: ReadonlyMap<string, CameraStatus>;
  readonly lastHit: Hit | undefined;
}

/** Puts the status together. Cameras that have not said anything yet are connecting. */
export function statusReport(sources: StatusSources): StatusReport {
  const { config, health, broker, gallery, cameras, lastHit } = sources;
  return {
    ...health,
    pid: process.pid,
    startedAt: new Date(Date.now() - process.uptime() * 1_000).toISOString(),
    stateDir: config.stateDir,
    broker: { ...broker, url: maskUrl(broker.url) },
    gallery,
    cameras: config.cameras.map(({ id }) => {
      const status = cameras.get(id);
      const figures = health.cameras.find(({ camera }) => camera === id);
      return {
        ...{ camera: id, fps: 0, frameAgeMs: null, frames: 0, dropped: 0, reconnects: 0 },
        ...figures,
        state: status?.state ?? 'connecting',
        reason: status?.reason ?? null,
        since: status === undefined ? null : new Date(status.sinceMs).toISOString(),
      };
    }),
    lastHit: lastHit ?? null,
  };
}
