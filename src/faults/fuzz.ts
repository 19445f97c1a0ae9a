import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../config/load.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { DaemonUnderTest } from './daemon-under-test.js';
import { FuzzCounter, type FuzzReport, type FuzzTally, missedBars } from './fuzz-report.js';
import {
  type ImageSeed,
  makeConfigSeeds,
  makeImageSeeds,
  REQUEST_SEEDS,
  WIRE_SEED,
} from './fuzz-seeds.js';
import { FuzzedDaemon, type Reply } from './fuzzed-daemon.js';
import { mutateBytes, mutateValue } from './mutate.js';
import { sampleProcess } from './process-probe.js';
import { makeSampleWorld } from './sample-world.js';
import { SeededRandom } from './seeded-random.js';

export interface FuzzOptions {
  /** Images, as many requests, and as many configurations. */
  readonly files: number;
  /** The same seed gives the same inputs. */
  readonly seed: number;
  /** Empty folder; images over which the vision process ended are kept in it. */
  readonly dir: string;
  /** Told of inputs done, of three times `files`. */
  readonly onInput?: (done: number) => void;
}

const READY_MS = 120_000;
/** One image of so many is enrolled, the others are identified. */
const ENROL_EVERY = 5;
/** Images under way at once, so that three processes are at work. */
const BATCH = 8;
/** One request of so many also goes over MQTT, and as damaged packets. */
const MQTT_EVERY = 5;
const SLOW_MS = 2_000;
const MB = 1e6;

/**
 * Feeds a running daemon damaged images, requests and MQTT packets, and the loader damaged
 * configurations. A finding is what no answer explains: an end, a bug's answer, silence.
 *
 * @throws FaceEvalError VISION when the daemon does not start or the vision process stays away.
 */
export async function runFuzz({ files, seed, dir, onInput }: FuzzOptions): Promise<FuzzReport> {
  const daemonDir = join(dir, 'daemon');
  const { photos } = await makeSampleWorld(dir, join(daemonDir, 'state'));
  const images = makeImageSeeds(photos, dir);
  const daemon = await DaemonUnderTest.start({
    dir: daemonDir,
    config: { cameras: [{ id: 'door', source: 'rtsp://127.0.0.1:9/none' }] },
  });
  const fuzzed = new FuzzedDaemon(daemon);
  try {
    await daemon.until('the daemon to answer', () => daemon.lastHealth !== undefined, READY_MS);
    await fuzzed.visionRuns();
    const random = new SeededRandom(seed);
    const run = new FuzzRun(fuzzed, random, dir);
    const tick = (before: number) => (done: number) => onInput?.(before + done);
    const report = {
      ...{ files, seed },
      images: await run.images(files, images, tick(0)),
      visionCrashes: run.crashes,
      requests: await run.requests(files, tick(files)),
      mqttInputs: run.mqttInputs,
      configurations: fuzzConfigurations(files, random, dir, tick(2 * files)),
      daemonAlive: daemon.alive,
      visionState: await fuzzed.visionState(),
      unhandledRejections: daemon.unhandledRejections,
      daemonMb: megabytes(daemon.pid),
      visionMb: megabytes(daemon.visionPid ?? 0),
    };
    await daemon.stop();
    return { ...report, missed: missedBars(report) };
  } catch (error) {
    daemon.kill();
    throw error;
  }
}

/** Inputs to one daemon, one after the other, so that an end can be told from its cause. */
class FuzzRun {
  crashes = 0;
  mqttInputs = 0;

  constructor(
    private readonly fuzzed: FuzzedDaemon,
    private readonly random: SeededRandom,
    private readonly dir: string,
  ) {}

  async images(
    count: number,
    seeds: readonly ImageSeed[],
    onInput: (done: number) => void,
  ): Promise<FuzzTally> {
    const counter = new FuzzCounter();
    const originals = seeds.map(({ bytes }) => bytes);
    while (counter.next < count) {
      const size = Math.min(BATCH, count - counter.next);
      const batch = Array.from({ length: size }, (_, index) =>
        this.#request(
          counter.next + index,
          mutateBytes(this.random, this.random.pick(originals), originals),
        ),
      );
      const replies = await Promise.all(batch.map(({ ask }) => ask()));
      for (const [index, { bytes, ask }] of batch.entries()) {
        const reply = replies[index];
        // All that were under way fail when the process ends: the one that ends it is found alone.
        if (isVision(reply)) await this.fuzzed.visionRuns();
        await this.#take(counter, bytes, isVision(reply) ? await ask() : reply);
      }
      onInput(counter.next);
    }
    return counter.tally();
  }

  async requests(count: number, onInput: (done: number) => void): Promise<FuzzTally> {
    const counter = new FuzzCounter();
    const commands = Object.keys(REQUEST_SEEDS);
    while (counter.next < count) {
      const command = this.random.pick(commands);
      const seeds = REQUEST_SEEDS[command] ?? [{}];
      const text = JSON.stringify(mutateValue(this.random, this.random.pick(seeds)));
      const isDamaged = this.random.chance(0.2);
      const body = isDamaged ? mutateBytes(this.random, Buffer.from(text), []) : Buffer.from(text);
      if (counter.next % MQTT_EVERY === 0) await this.#overMqtt(command, body);
      const reply = await this.fuzzed.ask(command, body);
      if (reply.kind === 'nonsense')
        counter.found(`${command} ${text.slice(0, 80)}: ${reply.what}`);
      else if (reply.response.status === 'ok') counter.accepted();
      else if (reply.response.code !== 'INTERNAL') counter.refused();
      else counter.found(`${command} ${text.slice(0, 80)}: ${reply.response.error}`);
      onInput(counter.next);
    }
    return counter.tally();
  }

  #request(input: number, bytes: Buffer): { bytes: Buffer; ask: () => Promise<Reply> } {
    const image = bytes.toString('base64');
    const enrols = input % ENROL_EVERY === 0;
    const fields = enrols ? { name: `Person ${this.random.below(20)}`, image } : { image };
    const command = enrols ? 'enroll' : 'identify';
    return { bytes, ask: () => this.fuzzed.ask(command, JSON.stringify(fields)) };
  }

  async #take(counter: FuzzCounter, bytes: Buffer, reply: Reply | undefined): Promise<void> {
    if (reply?.kind !== 'response') return counter.found(reply?.what ?? 'no reply');
    const { response } = reply;
    if (response.status === 'ok') return counter.accepted();
    if (response.code === 'INTERNAL') return counter.found(response.error);
    if (response.code === 'VISION') await this.#lookAfterVision(counter.next, bytes);
    counter.refused();
  }

  /** It ended over the image, which was refused, and comes back; or it was only too slow. */
  async #lookAfterVision(input: number, bytes: Buffer): Promise<void> {
    await this.fuzzed.visionRuns();
    const restarts = await this.fuzzed.visionRestarts();
    if (restarts === this.crashes) return;
    this.crashes = restarts;
    writeFileSync(join(this.dir, `crash-${input}.bin`), bytes);
  }

  async #overMqtt(command: string, body: Buffer): Promise<void> {
    this.mqttInputs += 2;
    const { client } = this.fuzzed.daemon;
    await client.publishAsync(`faceeval/request/${command}`, body, { qos: 0 });
    await this.fuzzed.wire(mutateBytes(this.random, WIRE_SEED, [body]));
  }
}

function isVision(reply: Reply | undefined): boolean {
  if (reply?.kind !== 'response') return false;
  return reply.response.status === 'error' && reply.response.code === 'VISION';
}

function fuzzConfigurations(
  count: number,
  random: SeededRandom,
  dir: string,
  onInput: (done: number) => void,
): FuzzTally {
  const counter = new FuzzCounter();
  const seeds = makeConfigSeeds().map((text) => Buffer.from(text));
  const path = join(dir, 'fuzzed.yaml');
  while (counter.next < count) {
    writeFileSync(path, mutateBytes(random, random.pick(seeds), seeds));
    const before = process.cpuUsage();
    try {
      loadConfig({ path, environment: {} });
      counter.accepted();
    } catch (error) {
      const tookMs = process.cpuUsage(before).user / 1_000;
      if (!(error instanceof FaceEvalError)) counter.found(messageOf(error));
      else if (tookMs > SLOW_MS) counter.found(`it took ${Math.round(tookMs)} ms`);
      else counter.refused();
    }
    onInput(counter.next);
  }
  return counter.tally();
}

function megabytes(pid: number): number {
  return Math.round((sampleProcess(pid)?.pssBytes ?? 0) / MB);
}
