import { writeSync } from 'node:fs';
import { configSchema } from '../config/schema.js';
import { type Database, openDatabase } from '../daemon/database.js';
import type { Clock } from '../domain/clock.js';
import { FaceEvalError } from '../domain/errors.js';
import type { Hit, Observation, Template } from '../domain/records.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { Outbox } from '../hits/outbox.js';
import { OutboxPump } from '../hits/outbox-pump.js';
import type { Publisher } from '../hits/publisher.js';
import { Recognition } from '../hits/recognition.js';

/**
 * The process that the kill torture kills: it recognises people who appear one after the other,
 * records their hits and publishes them to its parent. What it says goes through a pipe and is
 * written at once, so that nothing it said before it was killed is lost.
 */

/** What the writer says, one JSON object a line. */
export type WriterLine =
  | { readonly opened: true; readonly repair?: string; readonly integrity: string }
  /** The hit is written for good. */
  | { readonly committed: string }
  /** Everything of the appearance is done; the next one begins. */
  | { readonly finished: number }
  | { readonly published: string; readonly ticket: number }
  | { readonly drained: boolean; readonly waiting: number };

/** What the parent says. */
export type WriterOrder =
  | { readonly acknowledge: number }
  /** No more appearances: send what waits and end. */
  | { readonly end: true };

/** Pipe that the parent reads. */
const PIPE = 3;
const PEOPLE = 5;
const DIMENSION = 192;
const FAMILY = 'torture';
const THRESHOLD = 0.4;
/** Shots of one appearance; the first is enough for a name, the others must not make a hit. */
const SHOTS = 4;
/** Longer than the cooldown: who appears again is reported again. */
const APPEARANCE_MS = 100_000;
const EPOCH_MS = Date.UTC(2026, 0, 1);
const DRAIN_MS = 20_000;

const [stateDir, first] = process.argv.slice(2);

function say(line: WriterLine): void {
  writeSync(PIPE, `${JSON.stringify(line)}\n`);
}

/** Time as the appearances have it: who is seen again after a kill is seen a moment later. */
class StoryClock implements Clock {
  #storyMs = 0;
  readonly #startMs = performance.now();

  moveTo(storyMs: number): void {
    this.#storyMs = storyMs;
  }

  readonly nowMs = (): number => EPOCH_MS + Math.floor(this.monoMs());
  readonly monoMs = (): number => this.#storyMs + (performance.now() - this.#startMs) / 1_000;
}

/** Hands messages to the parent, which acknowledges them when it likes. */
class ParentPublisher implements Publisher {
  readonly connected = true;
  readonly #tickets = new Map<number, () => void>();
  #last = 0;

  publish(_topic: string, payload: string | Uint8Array): Promise<void> {
    const ticket = ++this.#last;
    return new Promise((resolve) => {
      this.#tickets.set(ticket, resolve);
      say({ published: (JSON.parse(String(payload)) as Hit).id, ticket });
    });
  }

  acknowledge(ticket: number): void {
    this.#tickets.get(ticket)?.();
    this.#tickets.delete(ticket);
  }
}

/** One axis for each person: nobody looks like anybody else. */
function templateOf(person: number): Template {
  const template = new Float32Array(DIMENSION);
  template[person] = 1;
  return template;
}

function enrolPeople(db: Database): void {
  const store = new IdentityStore(db);
  if (store.list().length === PEOPLE) return;
  for (let person = 0; person < PEOPLE; person++) {
    const { id } = store.ensure(`Person ${person}`);
    if (store.templates(FAMILY, id).length > 0) continue;
    const vector = templateOf(person);
    store.addTemplate(id, { family: FAMILY, build: FAMILY, vector, quality: 1, source: 'torture' });
  }
}

function observationOf(appearance: number, shot: number, capturedAtMs: number): Observation {
  const at = { x: 100, y: 100 };
  return {
    cameraId: 'door',
    frameId: appearance * SHOTS + shot,
    capturedAtMs,
    frame: { width: 640, height: 480 },
    // A vision process of its own after each kill, so a track of its own.
    trackId: `${process.pid}-${appearance}`,
    box: { ...at, width: 100, height: 120 },
    landmarks: [at, at, at, at, at],
    detectionScore: 0.99,
    quality: { value: 0.8, interocularPx: 50, sharpness: 0.9, frontality: 0.9, luma: 120 },
    template: templateOf(appearance % PEOPLE),
    family: FAMILY,
    build: FAMILY,
    timings: { captureMs: 1, detectMs: 1, embedMs: 1 },
  };
}

async function main(folder: string, firstAppearance: number): Promise<void> {
  const { db, repair } = await openDatabase(folder);
  const integrity = String(db.pragma('integrity_check(1)', { simple: true }));
  say({ opened: true, integrity, ...(repair !== undefined && { repair }) });
  enrolPeople(db);
  const clock = new StoryClock();
  clock.moveTo(firstAppearance * APPEARANCE_MS);
  const outbox = new Outbox(db);
  const publisher = new ParentPublisher();
  const pump = new OutboxPump(outbox, publisher, { baseTopic: 'torture', maxHitAgeMs: 0 });
  const config = configSchema.parse({});
  const options = { db, outbox, config, family: FAMILY, threshold: THRESHOLD, clock, fast: false };
  const recognition = new Recognition(options);
  let ending = false;
  process.on('message', (order: WriterOrder) => {
    if ('end' in order) ending = true;
    else publisher.acknowledge(order.acknowledge);
  });
  // Without its parent the writer would go on for ever.
  const orphaned = () => process.exit(1);
  process.on('disconnect', orphaned);
  for (let appearance = firstAppearance; !ending; appearance++) {
    clock.moveTo(appearance * APPEARANCE_MS);
    for (let shot = 0; shot < SHOTS; shot++) {
      const { hit } = recognition.observe(observationOf(appearance, shot, clock.nowMs()));
      if (hit !== undefined) say({ committed: hit.id });
      pump.kick();
      // Lets acknowledgements in, and spreads the work so that a kill can fall anywhere.
      await new Promise((resolve) => setImmediate(resolve));
    }
    say({ finished: appearance });
  }
  const drained = await pump.drain(DRAIN_MS);
  pump.stop();
  say({ drained, waiting: outbox.size });
  db.close();
  process.off('disconnect', orphaned);
  process.disconnect?.();
}

if (stateDir === undefined || first === undefined) {
  throw new FaceEvalError('USAGE', 'this process is started by the kill torture');
}
await main(stateDir, Number(first));
