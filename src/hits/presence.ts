import type { Identity } from '../domain/records.js';

/** Who is in front of a camera now. */
export interface PresenceNow {
  readonly people: readonly Identity[];
  readonly unknown: number;
}

interface Seen {
  readonly camera: string;
  identity: Identity | null;
  lastMs: number;
}

/** Keeps who was seen within a time window, by camera; empties itself. */
export class Presence {
  readonly #seen = new Map<string, Seen>();

  /** @param windowMs May be changed at any time. */
  constructor(public windowMs: number) {}

  /**
   * @param key Identity id, or the stranger's.
   * @returns Whether somebody came who was not there.
   */
  see(camera: string, key: string, identity: Identity | null, nowMs: number): boolean {
    const id = `${camera}\n${key}`;
    const known = this.#seen.get(id);
    if (known !== undefined) {
      known.lastMs = nowMs;
      return false;
    }
    this.#seen.set(id, { camera, identity, lastMs: nowMs });
    return true;
  }

  /** Somebody unknown has a name now. @returns Whether they were there. */
  forget(camera: string, key: string): boolean {
    return this.#seen.delete(`${camera}\n${key}`);
  }

  /**
   * Takes over new names, and drops people who are gone from the gallery.
   *
   * @returns Cameras where that changed something.
   */
  follow(find: (identityId: string) => Identity | undefined): string[] {
    const changed = new Set<string>();
    for (const [id, seen] of this.#seen) {
      if (seen.identity === null) continue;
      const now = find(seen.identity.id);
      if (now?.name === seen.identity.name) continue;
      if (now === undefined) this.#seen.delete(id);
      else seen.identity = now;
      changed.add(seen.camera);
    }
    return [...changed];
  }

  /**
   * Drops whom nobody saw for the window.
   *
   * @param nowMs Time of a camera.
   * @returns Cameras where that changed something.
   */
  expire(nowMs: (camera: string) => number): string[] {
    const changed = new Set<string>();
    for (const [id, { camera, lastMs }] of this.#seen) {
      if (nowMs(camera) - lastMs < this.windowMs) continue;
      this.#seen.delete(id);
      changed.add(camera);
    }
    return [...changed];
  }

  at(camera: string): PresenceNow {
    const here = [...this.#seen.values()].filter((seen) => seen.camera === camera);
    const people = here.flatMap(({ identity }) => identity ?? []);
    return { people, unknown: here.length - people.length };
  }
}
