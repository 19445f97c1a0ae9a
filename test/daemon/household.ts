import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../../src/daemon/database.js';
import type { EncryptionChoice } from '../../src/daemon/encryption.js';
import { forgetPerson } from '../../src/daemon/forget.js';
import type { Identity, Template } from '../../src/domain/records.js';
import { IdentityStore } from '../../src/gallery/identity-store.js';
import { Strangers } from '../../src/gallery/strangers.js';
import { HitStore } from '../../src/hits/hit-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { faceNear, randomFace, seededRandom } from '../gallery/faces.js';
import { hitOf } from '../hits/records.js';
import { openState, stateFolder } from './state-folder.js';

export const FAMILY = 'test';
export const THRESHOLD = 0.4;

/** Begins as a JPEG does, and is unlike any other. */
const jpegOf = (sizeBytes: number) =>
  Buffer.concat([Buffer.from('ffd8ff', 'hex'), randomBytes(sizeBytes)]);

/** A household in the middle of its life: people, hits sent and unsent, strangers, backups. */
export class Household {
  readonly random = seededRandom(3);
  readonly store: IdentityStore;
  readonly hits: HitStore;
  readonly outbox: Outbox;
  readonly crops: Buffer[] = [];
  readonly vectors: Template[] = [];

  constructor(
    readonly db: Database,
    readonly folder: string,
  ) {
    this.store = new IdentityStore(db);
    this.outbox = new Outbox(db);
    this.hits = new HitStore(db, this.outbox);
  }

  enrol(name: string, photos: number): { identity: Identity; face: Template } {
    const identity = this.store.ensure(name);
    const face = randomFace(this.random, 192);
    for (let n = 0; n < photos; n++) {
      const crop = jpegOf(3_000 + 700 * n);
      const vector = faceNear(face, 0.8, this.random);
      this.crops.push(crop);
      this.vectors.push(vector);
      this.store.addTemplate(identity.id, {
        ...{ family: FAMILY, build: 'b', quality: 0.8, source: `${name}-${n}.jpg`, crop, vector },
      });
    }
    return { identity, face };
  }

  hit(identity: Identity, template: Template, sent: boolean): string {
    const id = this.hits.nextId(Date.now());
    this.hits.write(hitOf(id, { identity }), { family: FAMILY, template });
    if (sent) this.outbox.acknowledge(this.outbox.lastSeq);
    return id;
  }

  stranger(face: Template): void {
    const strangers = new Strangers(this.db, FAMILY, () => THRESHOLD);
    const crop = jpegOf(2_500);
    this.crops.push(crop);
    this.vectors.push(face);
    const sighting = { template: face, quality: 0.5, build: 'b', crop, atMs: Date.now() };
    const placement = strangers.place(sighting);
    const { stranger } = placement;
    const { identity: _, ...unknown } = hitOf(this.hits.nextId(Date.now()));
    this.hits.write({ ...unknown, type: 'unknown', stranger }, undefined, () =>
      strangers.save(placement),
    );
  }

  forget(identity: Identity) {
    return forgetPerson(identity, {
      ...{ db: this.db, stateDir: this.folder, threshold: THRESHOLD },
    });
  }
}

/** @param encryption As in the configuration; faces are stored as they are when absent. */
export async function household(
  folder = stateFolder(),
  encryption?: EncryptionChoice,
): Promise<Household> {
  return new Household(await openState(folder, encryption), folder);
}

/** Files of a folder, at any depth, that hold these bytes. */
export function filesWith(folder: string, needle: Buffer | string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(needle));
}
