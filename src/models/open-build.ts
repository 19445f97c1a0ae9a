import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/schema.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { type Candidate, type Rejection, rankBuilds } from './build-choice.js';
import { type Device, detectDevice } from './device.js';
import { type DeviceProbe, probeThisDevice } from './device-probe.js';
import { GraphCache, sweepGraphs } from './graph-cache.js';
import type { InferenceSession, Provider } from './inference-session.js';
import {
  type Build,
  type BuildFile,
  loadManifest,
  type Manifest,
  pathOf,
  type Role,
  shippedModels,
  verifyBuild,
} from './manifest.js';
import { runtimeVersion } from './ort-runtime.js';
import { loadOrtSession } from './ort-session.js';
import { Quarantine } from './quarantine.js';
import { type StartedSession, startTensorRt } from './tensorrt.js';
import { TuningMemory } from './tuning-memory.js';

/** The parts of the configuration that decide about models. */
export type ModelSettings = Pick<
  Config,
  'stateDir' | 'models' | 'detector' | 'recogniser' | 'liveness'
>;

/** A build that is loaded and may be run. */
export interface OpenedBuild {
  readonly build: Build;
  /** One session a file, by the file's name: `pnet`, `rnet`, `onet`, or `net`. */
  readonly sessions: Readonly<Record<string, InferenceSession>>;
  /** Provider that runs it now. */
  readonly provider: Provider;
  /** Why this build and this provider, in words. */
  readonly reason: string;
  /** Fulfilled when the provider will not change any more: no engine is being built. */
  readonly settled: Promise<void>;
  readonly release: () => Promise<void>;
}

/** What happens while builds are opened, for the log and systemd's status. */
export interface OpenEvents {
  /** A step that may take a while. */
  readonly onProgress?: (what: string) => void;
  /** Something did not work and something else falls in; said once. */
  readonly onFallback?: (what: string) => void;
}

/** Opens the builds that fit this device. One for a process: the native library stays loaded. */
export class BuildOpener {
  readonly device: Device;
  readonly manifest: Manifest;
  readonly #settings: ModelSettings;
  readonly #events: OpenEvents;
  readonly #stateFolder: string | null;
  readonly #quarantine: Quarantine | null;
  readonly #said = new Set<string>();

  private constructor(
    device: Device,
    manifest: Manifest,
    settings: ModelSettings,
    events: OpenEvents,
  ) {
    this.device = device;
    this.manifest = manifest;
    this.#settings = settings;
    this.#events = events;
    this.#stateFolder = writableFolder(join(settings.stateDir, 'models'));
    this.#quarantine =
      this.#stateFolder === null
        ? null
        : new Quarantine(this.#stateFolder, (what) => this.#say(what));
    if (this.#stateFolder === null) {
      this.#say(`${settings.stateDir} is not writable: nothing about models is remembered there`);
    } else {
      const files = manifest.builds.flatMap(({ files }) => files);
      sweepGraphs(
        join(this.#stateFolder, 'graphs'),
        files.map(({ sha256 }) => sha256),
      );
    }
  }

  /**
   * @param probe Another board than this one: what would be chosen there.
   * @throws FaceEvalError MODEL on a 32-bit system, or when there is no readable manifest.
   */
  static async create(
    settings: ModelSettings,
    events: OpenEvents = {},
    probe?: DeviceProbe,
  ): Promise<BuildOpener> {
    const device = detectDevice(probe ?? (await probeThisDevice()));
    const manifest = loadManifest(settings.models.dir ?? shippedModels());
    return new BuildOpener(device, manifest, settings, events);
  }

  /** The configuration gives the number of threads. */
  get threadsAreFixed(): boolean {
    return this.#settings.models.threads > 0;
  }

  /** Folder of what is remembered about models; null when the state folder is not writable. */
  get stateFolder(): string | null {
    return this.#stateFolder;
  }

  /**
   * The builds of a role that can run here, best first, and why the others cannot.
   *
   * @throws FaceEvalError MODEL when none can.
   */
  rank(role: Role, allowUntrained = false): ReturnType<typeof rankBuilds> {
    const crashes = new Map<string, number>();
    for (const build of this.manifest.builds) {
      const count = this.#quarantine?.crashesOf(build.id, crashKey(build));
      if (count !== undefined) crashes.set(build.id, count);
    }
    const tuned =
      this.#stateFolder === null
        ? undefined
        : new TuningMemory(this.#stateFolder).recall(this.manifest, role, this.device);
    return rankBuilds(this.manifest, role, this.device, {
      requested: this.#settings[role].build,
      providers: this.#settings.models.providers,
      threads: this.#settings.models.threads,
      crashes,
      tuned,
      allowUntrained,
    });
  }

  /**
   * Opens the best build of a role; one that is damaged or does not load makes way for the next.
   *
   * @throws FaceEvalError MODEL when none can be opened; the message tells each one's reason.
   */
  async open(role: Role): Promise<OpenedBuild> {
    const { candidates, rejected } = this.rank(role);
    // A build that was asked for and cannot run at all is refused by now: this one is set aside.
    const failures = rejected.filter(({ id }) => id === this.#settings[role].build);
    for (const { id, reason } of failures) this.#say(`the build ${id} is ${reason}`);
    for (const candidate of candidates) {
      try {
        return await this.openCandidate(candidate, failures);
      } catch (error) {
        failures.push({ id: candidate.build.id, reason: messageOf(error) });
        this.#say(`the build ${candidate.build.id} is left out: ${messageOf(error)}`);
      }
    }
    const reasons = failures.map(({ id, reason }) => `${id}: ${reason}`).join('; ');
    throw new FaceEvalError('MODEL', `no ${role} could be loaded (${reasons})`, {
      hint: 'run `faceeval doctor`; installing faceeval again brings whole model files',
    });
  }

  /**
   * Opens one build.
   *
   * @param skipped Better builds that did not load, for the reason that is shown.
   * @throws FaceEvalError MODEL when a file is damaged or does not load with any provider.
   */
  async openCandidate(
    candidate: Candidate,
    skipped: readonly Rejection[] = [],
  ): Promise<OpenedBuild> {
    const { build } = candidate;
    this.#events.onProgress?.(`loading ${build.id}`);
    await verifyBuild(this.manifest, build);
    const sessions: Record<string, InferenceSession> = {};
    const settling: Promise<void>[] = [];
    this.#quarantine?.begin(build.id, crashKey(build));
    let loaded = false;
    try {
      for (const file of build.files) {
        const { session, settled } = await this.#openFile(candidate, file);
        sessions[file.name] = session;
        settling.push(settled);
      }
      loaded = true;
    } finally {
      this.#quarantine?.end(loaded);
    }
    const all = Object.values(sessions);
    const because = skipped.map(({ id, reason }) => `${id} was left out (${reason})`);
    return {
      build,
      sessions,
      get provider() {
        return all[0]?.provider ?? 'cpu';
      },
      reason: [candidate.reason, ...because].join('; '),
      settled: Promise.all(settling).then(() => undefined),
      release: async () => {
        for (const session of all) await session.release();
      },
    };
  }

  async #openFile(candidate: Candidate, file: BuildFile): Promise<StartedSession> {
    const path = pathOf(this.manifest, file);
    const load = (providers: readonly Provider[], tensorrt?: Record<string, string>) =>
      loadOrtSession(path, {
        providers,
        threads: candidate.threads,
        spinning: this.#settings.models.spinning,
        ...(tensorrt === undefined ? {} : { tensorrt }),
        ...(this.#stateFolder === null
          ? {}
          : { graphCache: new GraphCache(join(this.#stateFolder, 'graphs'), file.sha256) }),
        onFallback: (provider, reason) =>
          this.#say(`the provider ${provider} cannot be used: ${reason}`),
      });
    if (candidate.providers[0] !== 'tensorrt' || this.#stateFolder === null) {
      // Without a place for its engines, TensorRT would build for minutes at every start.
      const others = candidate.providers.filter((provider) => provider !== 'tensorrt');
      return { session: await load(others), settled: Promise.resolve() };
    }
    return startTensorRt({
      modelPath: path,
      engineRoot: join(this.#stateFolder, 'engines'),
      key: engineKey(this.device, file),
      int8: candidate.build.precision === 'int8',
      maxBatch: this.#settings.recogniser.maxBatch,
      others: candidate.providers.slice(1),
      load,
      onProgress: (what) => this.#events.onProgress?.(what),
      onFallback: (what) => this.#say(what),
    });
  }

  #say(what: string): void {
    if (this.#said.has(what)) return;
    this.#said.add(what);
    this.#events.onFallback?.(what);
  }
}

function crashKey(build: Build): string {
  return [runtimeVersion(), ...build.files.map(({ sha256 }) => sha256.slice(0, 16))].join(' ');
}

function engineKey(device: Device, file: BuildFile): string {
  const gpu = (device.gpu?.name ?? '').replaceAll(/\W+/g, '-');
  const parts = [file.sha256.slice(0, 16), runtimeVersion(), device.l4t ?? gpu, device.board];
  return parts.join('_');
}

function writableFolder(folder: string): string | null {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    // The caller is told: what works without memory goes on without it.
    return null;
  }
}
