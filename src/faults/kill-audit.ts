/** A hit as the database has it at the end. */
export interface StoredHit {
  readonly id: string;
  /** Which appearance of somebody it reports. */
  readonly appearance: number;
}

/** What was seen of a run from outside the process that was killed. */
export interface KillRecords {
  readonly kills: number;
  /** Appearances that were shown to the writer to their end. */
  readonly appearances: number;
  /** Ids that the writer said were committed, before it was killed or not. */
  readonly committed: ReadonlySet<string>;
  /** Ids in the order in which the broker got them, repeats included. */
  readonly received: readonly string[];
  readonly stored: readonly StoredHit[];
  /** Hits that still wait in the outbox after the last, undisturbed run. */
  readonly waiting: number;
  /** Starts that found the database damaged. */
  readonly corrupt: number;
}

/** What `npm run faults` prints. */
export interface KillReport {
  readonly kills: number;
  readonly hits: number;
  /** Appearances without a hit, hits that vanished, and hits that the broker never got. */
  readonly lost: number;
  /** Appearances with two ids. */
  readonly doubled: number;
  readonly corrupt: number;
  /** Messages that came again with the id they had: allowed, receivers drop them. */
  readonly resent: number;
  /** Messages that came before an older one. */
  readonly disordered: number;
}

/** Compares what was promised with what is there. */
export function auditKills(records: KillRecords): KillReport {
  const { kills, appearances, committed, received, stored, corrupt } = records;
  const storedIds = new Set(stored.map(({ id }) => id));
  const firsts = [...new Set(received)];
  const perAppearance = new Map<number, number>();
  for (const { appearance } of stored) {
    perAppearance.set(appearance, (perAppearance.get(appearance) ?? 0) + 1);
  }
  const counts = [...perAppearance.values()];
  const promised = new Set([...committed, ...firsts]);
  const vanished = [...promised].filter((id) => !storedIds.has(id)).length;
  const got = new Set(firsts);
  const unsent = stored.filter(({ id }) => !got.has(id)).length;
  return {
    kills,
    hits: stored.length,
    lost: Math.max(0, appearances - perAppearance.size) + vanished + unsent + records.waiting,
    doubled: counts.filter((count) => count > 1).length,
    corrupt,
    resent: received.length - firsts.length,
    disordered: firsts.filter((id, at) => at > 0 && id < (firsts[at - 1] as string)).length,
  };
}
