import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hit } from '../domain/records.js';
import { decodeImage, encodeJpeg } from '../imaging/codec.js';
import { annotate, RECOGNISED, UNKNOWN } from '../vision/annotate.js';

/** Keeps what arrived over MQTT: the messages as a file of lines, and a picture for each hit. */
export class HitAlbum {
  readonly hits: Hit[] = [];
  readonly #waiting = new Map<string, Uint8Array>();
  readonly #file: string;

  constructor(private readonly dir: string) {
    this.#file = join(dir, 'hits.jsonl');
    writeFileSync(this.#file, '');
  }

  /** @param payload Of a hit, as it was received. */
  takeHit(payload: string): Hit {
    const hit = JSON.parse(payload) as Hit;
    appendFileSync(this.#file, `${payload}\n`);
    this.hits.push(hit);
    const frame = this.#waiting.get(hit.id);
    if (frame !== undefined) this.#draw(hit, frame);
    return hit;
  }

  /** @param jpeg The frame of a hit; it may arrive before or after its message. */
  takeFrame(hitId: string, jpeg: Uint8Array): void {
    const hit = this.hits.find(({ id }) => id === hitId);
    if (hit === undefined) this.#waiting.set(hitId, jpeg);
    else this.#draw(hit, jpeg);
  }

  #draw(hit: Hit, jpeg: Uint8Array): void {
    this.#waiting.delete(hit.id);
    const picture = decodeImage(jpeg);
    const who = hit.identity?.name ?? hit.stranger?.label ?? 'unknown';
    annotate(picture.bgr, [
      {
        box: hit.box,
        caption: `${who} ${hit.similarity.toFixed(2)}`,
        colour: hit.type === 'recognised' ? RECOGNISED : UNKNOWN,
      },
    ]);
    const name = `${hit.id}-${who.replaceAll(/[^\p{L}\p{N}]+/gu, '-')}.jpg`;
    writeFileSync(join(this.dir, name), encodeJpeg(picture.bgr, 90));
    picture.release();
  }
}
