import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Template } from '../../src/domain/records.js';
import { type Placement, Strangers } from '../../src/gallery/strangers.js';
import { HitStore } from '../../src/hits/hit-store.js';
import { Outbox } from '../../src/hits/outbox.js';
import { faceNear, randomFace, seededRandom } from '../gallery/faces.js';
import { hitOf } from '../hits/records.js';
import { openState } from './state-folder.js';

/** A fifth of a busy day, and of what an SD card may have to take for it (docs/storage.md). */
const HITS = 1_000;
const BUDGET_BYTES = 10_000_000;

/** Bytes that this process handed to the system for writing; pages and log of SQLite among them. */
const writtenBytes = () =>
  Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);

describe('what is written for hits', { timeout: 120_000 }, () => {
  it('stays below 50 MB for 5,000 that are acknowledged one by one', async (context) => {
    if (!existsSync('/proc/self/io')) return context.skip('the system does not count it');
    const db = await openState();
    const outbox = new Outbox(db);
    const hits = new HitStore(db, outbox);
    const strangers = new Strangers(db, 'f', () => 0.4);
    const random = seededRandom(8);
    const people = Array.from({ length: 10 }, () => randomFace(random, 192));
    const crop = Buffer.alloc(3_500, 1);
    const before = writtenBytes();
    for (let n = 1; n <= HITS; n++) {
      const id = hits.nextId(Date.now());
      const template = faceNear(people[n % 10] as Template, 0.85, random);
      if (n % 5 > 0) hits.write(realistic(id), { family: 'f', template });
      else {
        const sighting = { template, quality: 0.5 + random() / 2, build: 'b', crop, atMs: n };
        const placement: Placement = strangers.place(sighting);
        const { identity: _, ...unknown } = realistic(id);
        hits.write({ ...unknown, type: 'unknown', stranger: placement.stranger }, undefined, () =>
          strangers.save(placement),
        );
        strangers.keep(placement);
      }
      outbox.acknowledge(n);
      // The worst case: the pump deletes acknowledged rows with the next hit, if one comes soon.
      outbox.flush();
    }
    db.pragma('wal_checkpoint(TRUNCATE)');
    const written = writtenBytes() - before;
    expect(written).toBeGreaterThan(BUDGET_BYTES / 10);
    expect(written).toBeLessThan(BUDGET_BYTES);
  });
});

/** As long as those of the daemon. */
function realistic(id: string) {
  return hitOf(id, {
    identity: { id: '01JDGZ5N5R8Q0V0T6P6X7Y8Z9A', name: 'Annegret Müller' },
    camera: 'front-door',
    track: 'mbx3k9-1234',
    ...{ similarity: 0.7134, threshold: 0.4212, margin: 0.3127, quality: 0.812 },
    box: { x: 212, y: 88, width: 96, height: 118 },
    model: 'mobilefacenet-192-int8',
    latencyMs: { capture: 3.1, detect: 16.4, embed: 14.2, match: 0.1, total: 121.4 },
  });
}
