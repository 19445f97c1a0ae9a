import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { systemClock } from '../domain/clock.js';
import type { CameraStatus, Hit, Observation } from '../domain/records.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { Outbox } from '../hits/outbox.js';
import { OutboxPump } from '../hits/outbox-pump.js';
import { Recognition } from '../hits/recognition.js';
import { thresholdAtFar } from '../models/manifest.js';
import { MqttConnection } from '../mqtt/client.js';
import { EmbeddedBroker } from '../mqtt/embedded-broker.js';
import { cameraStatePayload } from '../mqtt/payloads.js';
import { type Topics, topicsUnder } from '../mqtt/topics.js';
import type { ActiveBuild, PlayMode } from '../vision/messages.js';
import { VisionSupervisor } from '../vision/supervisor.js';
import { type Database, dataVersion, openDatabase } from './database.js';
import { Health } from './health.js';
import { HttpServer } from './http.js';
import { Maintenance } from './maintenance.js';
import { Metrics } from './metrics.js';
import { MqttServices } from './mqtt-services.js';
import { ProblemLog } from './problem-log.js';
import { bringGalleryOver } from './re-embedding-task.js';
import { requestHandlers } from './request-handlers.js';
import { deviceName, SlowReadings } from './slow-readings.js';
import { Systemd } from './systemd.js';

export interface DaemonOptions {
  readonly config: Config;
  readonly mode: PlayMode;
  readonly version: string;
  readonly log: Logger;
  /** Told of every hit after it is safe. */
  readonly onHit?: (hit: Hit) => void;
  /** Another vision process, such as one that sees whatever a test needs. */
  readonly visionScript?: URL;
}

const HEALTH_MS = 30_000;
const TICK_MS = 1_000;
const MAINTENANCE_MS = 3_600_000;
const DRAIN_MS = 5_000;
const NOT_RECORDED = 'hits cannot be recorded';
const NOT_READ = 'the gallery cannot be read anew';
const VISION_SCRIPT = new URL('../vision/main.js', import.meta.url);

/** Wires the main process: what the vision process says becomes hits, and hits become messages. */
export class Daemon {
  readonly #options: DaemonOptions;
  readonly #systemd: Systemd;
  readonly #topics: Topics;
  readonly #readings: SlowReadings;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #stopping = new AbortController();
  readonly #cameras = new Map<string, CameraStatus>();
  readonly #problems: ProblemLog;
  #db!: Database;
  #broker: EmbeddedBroker | undefined;
  #mqtt!: MqttConnection;
  #services!: MqttServices;
  #outbox!: Outbox;
  #pump!: OutboxPump;
  #vision!: VisionSupervisor;
  #health!: Health;
  #metrics!: Metrics;
  #maintenance!: Maintenance;
  #http: HttpServer | undefined;
  #recognition: Recognition | undefined;
  #dataVersion = 0;
  #sourcesEnded: (frames: number) => void = () => {};
  /** Resolves with the number of frames when every source was finite and has ended. */
  readonly ended = new Promise<number>((resolve) => {
    this.#sourcesEnded = resolve;
  });

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#systemd = new Systemd(options.log);
    this.#readings = new SlowReadings(options.log);
    this.#problems = new ProblemLog(options.log);
    this.#topics = topicsUnder(options.config.mqtt.baseTopic);
  }

  get health(): Health {
    return this.#health;
  }

  /** Where clients find the broker, with the port that the built-in one really has. */
  get brokerUrl(): string {
    const { mqtt } = this.#options.config;
    return this.#broker === undefined
      ? mqtt.url
      : `mqtt://${mqtt.embedded.host}:${this.#broker.port}`;
  }

  /** Process id of the vision process, while it runs. */
  get visionPid(): number | undefined {
    return this.#vision.pid;
  }

  /** Starts the parts in the order in which they need each other. */
  async start(): Promise<void> {
    const { config, mode, log, version } = this.#options;
    const { db, repair } = await openDatabase(config.stateDir);
    if (repair !== undefined) log.error(repair);
    this.#db = db;
    this.#dataVersion = dataVersion(db);
    this.#outbox = new Outbox(db);
    if (config.mqtt.url === 'embedded') {
      this.#broker = await EmbeddedBroker.start(config.mqtt.embedded, config.mqtt);
      log.info({ url: this.brokerUrl }, 'the built-in MQTT broker listens');
    }
    this.#mqtt = new MqttConnection({
      config: config.mqtt,
      node: config.node,
      url: this.brokerUrl,
      protocol: this.#broker === undefined ? config.mqtt.protocol : 4,
      log,
      onConnect: () => this.#pump.kick(),
    });
    this.#pump = new OutboxPump(this.#outbox, this.#mqtt, {
      baseTopic: config.mqtt.baseTopic,
      maxHitAgeMs: config.mqtt.maxHitAgeMs,
      onError: (reason) => log.debug({ reason }, 'a hit waits in the outbox'),
      onExpired: () => this.#metrics.countDropped(1),
    });
    this.#vision = new VisionSupervisor({
      script: this.#options.visionScript ?? VISION_SCRIPT,
      config: { ...config, snapshots: config.mqtt.snapshots },
      mode,
      log,
      handlers: {
        observation: (observation) => this.#observe(observation),
        trackEnded: (track) => this.#recognition?.endTrack(track),
        cameraStatus: (status) => this.#takeCamera(status),
        stats: (stats) => {
          this.#health.takeStats(stats);
          this.#metrics.takeStats(stats);
        },
        loading: (what) => {
          log.info(what);
          this.#systemd.extendStart(what);
        },
        ready: (builds, loadMs) => this.#visionReady(builds, loadMs),
        sourcesEnded: (frames) => this.#sourcesEnded(frames),
        exited: (boot) => this.#visionExited(boot),
      },
    });
    this.#readings.start();
    this.#health = new Health({
      version,
      device: deviceName(),
      readings: () => this.#readings.last,
      outboxSize: () => this.#outbox.size,
      brokerProblem: () => this.#mqtt.problem,
      visionState: () => this.#vision.state,
      visionRestarts: () => this.#vision.restarts,
      databaseRepair: repair,
      storeProblems: () => this.#problems.current(),
    });
    this.#metrics = new Metrics({
      version,
      mqttConnected: () => this.#mqtt.connected,
      readings: () => this.#readings.last,
      outbox: () => this.#outbox.size,
      gallery: () => this.#recognition?.gallerySize ?? 0,
      restarts: () => this.#vision.restarts,
    });
    this.#services = this.#makeServices();
    this.#maintenance = this.#makeMaintenance();
    if (config.http.enabled) {
      this.#http = await HttpServer.start(config.http, this.#health, this.#metrics);
    }
    this.#mqtt.start();
    this.#vision.start();
    this.#startTimers();
  }

  /** Reads the gallery anew; configuration changes need a restart. */
  reload(): void {
    this.#systemd.reloading();
    this.#reloadGallery();
    this.#options.log.info(
      { templates: this.#recognition?.gallerySize },
      'the gallery is read anew',
    );
    this.#systemd.ready('running');
  }

  /** Sends what is left for a bounded time, then stops every part. */
  async stop(): Promise<void> {
    this.#systemd.stopping();
    this.#stopping.abort();
    for (const timer of this.#timers) clearInterval(timer);
    await this.#maintenance.stop();
    await this.#vision.stop();
    const sent = await this.#pump.drain(this.#mqtt.connected ? DRAIN_MS : 0);
    if (!sent) this.#options.log.warn({ left: this.#outbox.size }, 'hits wait for the next start');
    this.#pump.stop();
    await this.#http?.stop();
    await this.#mqtt.stop();
    await this.#broker?.stop();
    this.#health.stop();
    this.#readings.stop();
    this.#db.close();
  }

  #visionReady(builds: readonly ActiveBuild[], loadMs: number): void {
    const { config, mode, log } = this.#options;
    this.#health.takeBuilds(builds);
    this.#metrics.takeBuilds(builds);
    for (const { role, id, provider, reason } of builds) log.info({ role, id, provider, reason });
    const recogniser = builds.find(({ role }) => role === 'recogniser');
    if (recogniser === undefined) throw new Error('the vision process has no recogniser');
    this.#recognition ??= new Recognition({
      db: this.#db,
      outbox: this.#outbox,
      config,
      family: recogniser.family,
      threshold: thresholdAtFar(recogniser.id, config),
      clock: systemClock,
      fast: mode.fast,
      onProblem: (error) => log.error({ err: error }, 'look-alikes could not be written down'),
    });
    const status = `${config.cameras.length} cameras, ${this.#recognition.gallerySize} templates`;
    log.info({ loadMs: Math.round(loadMs) }, `running: ${status}`);
    this.#systemd.ready(status);
    this.#systemd.feedWatchdog(() => this.#health.progressing);
    this.#publishHealth();
    void bringGalleryOver({
      db: this.#db,
      family: recogniser.family,
      build: recogniser.id,
      embed: (crop) => this.#vision.analyse(crop, true),
      signal: this.#stopping.signal,
      galleryChanged: () => this.#reloadGallery(),
      log,
    });
  }

  /** Nobody looks through the cameras until the process is back: their states must not say so. */
  #visionExited(boot: string | null): void {
    if (boot !== null) this.#recognition?.endBoot(boot);
    const reason = 'the vision process is being started again';
    for (const { cameraId, state } of this.#cameras.values()) {
      if (state !== 'online' && state !== 'connecting') continue;
      this.#takeCamera({ cameraId, state: 'reconnecting', reason, sinceMs: Date.now() });
    }
  }

  #observe(observation: Observation): void {
    this.#metrics.countObservation(observation.cameraId);
    try {
      const outcome = this.#recognition?.observe(observation);
      if (outcome === undefined) return;
      this.#vision.verdict(observation.trackId, outcome.settled);
      if (outcome.presenceChanged) this.#publishPresence(observation.cameraId);
      if (outcome.hit === undefined) return;
      this.#problems.solved(NOT_RECORDED);
      this.#takeHit(outcome.hit, observation.thumbnail);
    } catch (error) {
      // A full disk: the hit is not decided, and the next shot of the track tries again.
      this.#problems.report(NOT_RECORDED, error);
    }
  }

  #takeHit(hit: Hit, snapshot: Uint8Array | undefined): void {
    const { log } = this.#options;
    this.#metrics.countHit(hit);
    this.#health.takeHit(hit);
    log.info(
      { hit: hit.id, camera: hit.camera, similarity: hit.similarity },
      hit.identity === undefined ? `unknown: ${hit.stranger?.label}` : `hit: ${hit.identity.name}`,
    );
    this.#services.takeSnapshot(hit, snapshot);
    this.#pump.kick();
    this.#options.onHit?.(hit);
  }

  #takeCamera(status: CameraStatus): void {
    const { log } = this.#options;
    const before = this.#cameras.get(status.cameraId);
    this.#cameras.set(status.cameraId, status);
    this.#health.takeCamera(status);
    this.#metrics.takeCamera(status);
    if (before?.state === status.state && before.reason === status.reason) return;
    const bad = status.state === 'lost' || status.state === 'reconnecting';
    log[bad ? 'warn' : 'info'](
      { camera: status.cameraId, reason: status.reason },
      `camera ${status.cameraId} is ${status.state}`,
    );
    this.#mqtt.retain(this.#topics.cameraState(status.cameraId), cameraStatePayload(status));
  }

  #publishPresence(cameraId: string): void {
    const present = this.#recognition?.presenceAt(cameraId);
    if (present !== undefined) this.#services.takePresence(cameraId, present);
  }

  #makeServices(): MqttServices {
    const { config, log, version } = this.#options;
    const handlers = requestHandlers({
      db: this.#db,
      config,
      recogniser: () => this.#health.builds.find(({ role }) => role === 'recogniser'),
      gallery: () => this.#recognition?.gallery,
      analyse: (image) => this.#vision.analyse(image),
      pause: (cameraId, on) => this.#vision.pause(cameraId, on),
      reload: () => this.reload(),
      galleryChanged: () => this.#reloadGallery(),
      status: () => this.#health.report(),
    });
    const services = new MqttServices({
      ...{ config, version, handlers, log },
      connection: this.#mqtt,
      topics: this.#topics,
      device: deviceName(),
    });
    services.takePeople(new IdentityStore(this.#db).list());
    return services;
  }

  #makeMaintenance(): Maintenance {
    const { config, log } = this.#options;
    return new Maintenance({
      ...{ db: this.#db, outbox: this.#outbox, config, log, clock: systemClock },
      sweep: () => this.#recognition?.sweep() ?? 0,
      threshold: () => this.#recognition?.gallery.thresholdOf(null) ?? 1,
      onDropped: (hits) => this.#metrics.countDropped(hits),
      onForgotten: () => this.#reloadGallery(),
    });
  }

  #reloadGallery(): void {
    for (const camera of this.#recognition?.reloadGallery() ?? []) this.#publishPresence(camera);
    this.#services.takePeople(new IdentityStore(this.#db).list());
  }

  #startTimers(): void {
    this.#timers.push(
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#publishHealth(), HEALTH_MS),
      setInterval(() => void this.#maintenance.run(), MAINTENANCE_MS),
    );
    void this.#maintenance.run();
  }

  #tick(): void {
    try {
      for (const camera of this.#recognition?.expirePresence() ?? []) this.#publishPresence(camera);
      const version = dataVersion(this.#db);
      if (version !== this.#dataVersion) {
        this.#dataVersion = version;
        this.#reloadGallery();
      }
      this.#problems.solved(NOT_READ);
    } catch (error) {
      this.#problems.report(NOT_READ, error);
    }
    this.#pump.kick();
  }

  #publishHealth(): void {
    this.#mqtt.retain(this.#topics.health, JSON.stringify(this.#health.report()), 0);
  }
}
