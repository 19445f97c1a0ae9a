import type { Logger } from 'pino';
import type { ConfigChanges } from '../config/changes.js';
import type { Config } from '../config/schema.js';
import type { RequestHandlers } from '../control/answer.js';
import { ControlServer } from '../control/control-server.js';
import { HitFeed } from '../control/hit-feed.js';
import { systemClock } from '../domain/clock.js';
import type { Hit, Observation } from '../domain/records.js';
import { IdentityStore } from '../gallery/identity-store.js';
import { earlierHits } from '../hits/hit-list.js';
import { Outbox } from '../hits/outbox.js';
import { OutboxPump } from '../hits/outbox-pump.js';
import { usedBytes } from '../hits/retention.js';
import { MqttConnection } from '../mqtt/client.js';
import { EmbeddedBroker } from '../mqtt/embedded-broker.js';
import { type Topics, topicsUnder } from '../mqtt/topics.js';
import type { ActiveBuild, PlayMode } from '../vision/messages.js';
import { VisionSupervisor } from '../vision/supervisor.js';
import { CameraBoard } from './camera-board.js';
import { Configuration } from './configuration.js';
import { daemonRequests } from './daemon-requests.js';
import { type Database, dataVersion } from './database.js';
import { Health } from './health.js';
import { HealthPublisher } from './health-publisher.js';
import { HttpServer } from './http.js';
import { Maintenance } from './maintenance.js';
import { Metrics } from './metrics.js';
import { MqttServices } from './mqtt-services.js';
import { openAlone } from './open-alone.js';
import { bringGalleryOver } from './re-embedding-task.js';
import { RecognitionHost } from './recognition-host.js';
import { deviceName, SlowReadings } from './slow-readings.js';
import { StoreProblems } from './store-problems.js';
import { Systemd } from './systemd.js';

export interface DaemonOptions {
  readonly config: Config;
  readonly mode: PlayMode;
  readonly version: string;
  readonly log: Logger;
  /** Told of every hit after it is safe. */
  readonly onHit?: (hit: Hit) => void;
  /** Reads the configuration again, for {@link Daemon.reload}. */
  readonly readConfig?: () => Config;
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
  readonly #configuration: Configuration;
  readonly #feed = new HitFeed();
  readonly #problems: StoreProblems;
  #db!: Database;
  #close!: () => void;
  #cameras!: CameraBoard;
  #control: ControlServer | undefined;
  #reloading: Promise<unknown> = Promise.resolve();
  #broker: EmbeddedBroker | undefined;
  #mqtt!: MqttConnection;
  #services!: MqttServices;
  #outbox!: Outbox;
  #pump!: OutboxPump;
  #vision!: VisionSupervisor;
  #health!: Health;
  #healthPublisher!: HealthPublisher;
  #metrics!: Metrics;
  #maintenance!: Maintenance;
  #http: HttpServer | undefined;
  #recognition!: RecognitionHost;
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
    this.#problems = new StoreProblems(options.log, () => this.#db);
    this.#topics = topicsUnder(options.config.mqtt.baseTopic);
    this.#configuration = new Configuration(options.config, options.log, options.readConfig);
  }

  get health(): Health {
    return this.#health;
  }

  /** Where clients find the broker, with the port that the built-in one really has. */
  get brokerUrl(): string {
    const { mqtt } = this.#options.config;
    return this.#broker === undefined ? mqtt.url : this.#broker.url;
  }

  /** Process id of the vision process, while it runs. */
  get visionPid(): number | undefined {
    return this.#vision.pid;
  }

  /** Starts the parts in the order in which they need each other. */
  async start(): Promise<void> {
    const { config, mode, log, version } = this.#options;
    this.#systemd.extendStart('opening the database');
    const { db, repair, close } = await openAlone(config, log);
    this.#db = db;
    this.#close = close;
    this.#dataVersion = dataVersion(db);
    this.#outbox = new Outbox(db);
    this.#recognition = new RecognitionHost({
      ...{ db, outbox: this.#outbox, configuration: this.#configuration, fast: mode.fast, log },
    });
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
      onConnect: () => {
        this.#healthPublisher.publishAgain();
        this.#pump.kick();
        void this.#services.clearFormerTopics();
      },
    });
    this.#pump = new OutboxPump(this.#outbox, this.#mqtt, {
      baseTopic: config.mqtt.baseTopic,
      maxHitAgeMs: config.mqtt.maxHitAgeMs,
      onError: (reason) => log.debug({ reason }, 'a hit waits in the outbox'),
      onExpired: () => this.#metrics.countDropped(1),
    });
    this.#vision = new VisionSupervisor({
      script: this.#options.visionScript ?? VISION_SCRIPT,
      config: this.#configuration.vision,
      mode,
      log,
      handlers: {
        observation: (observation) => this.#observe(observation),
        trackEnded: (track) => this.#recognition.current?.endTrack(track),
        cameraStatus: (status) => this.#cameras.take(status),
        stats: (stats) => this.#cameras.takeStats(stats),
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
      storeProblems: () => [...this.#problems.current(), ...this.#recognition.problems()],
    });
    this.#healthPublisher = new HealthPublisher({
      ...{ health: this.#health, mqtt: this.#mqtt, topic: this.#topics.health },
    });
    this.#metrics = new Metrics({
      version,
      mqttConnected: () => this.#mqtt.connected,
      readings: () => this.#readings.last,
      outbox: () => this.#outbox.size,
      databaseBytes: () => usedBytes(this.#db),
      gallery: () => this.#recognition.gallerySize,
      restarts: () => this.#vision.restarts,
    });
    this.#cameras = new CameraBoard({
      cameras: this.#configuration.current.cameras.map(({ id }) => id),
      ...{ health: this.#health, metrics: this.#metrics, mqtt: this.#mqtt },
      ...{ topics: this.#topics, log },
    });
    const handlers = this.#makeHandlers();
    this.#control = await this.#startControl(handlers);
    this.#services = this.#makeServices(handlers);
    this.#maintenance = this.#makeMaintenance();
    if (config.http.enabled) {
      this.#http = await HttpServer.start(config.http, this.#health, this.#metrics);
    }
    this.#mqtt.start();
    this.#vision.start();
    this.#startTimers();
  }

  /**
   * Reads configuration and gallery anew, one call after the other.
   *
   * @throws FaceEvalError when the new configuration is wrong; everything goes on as before.
   */
  reload(): Promise<ConfigChanges> {
    const done = this.#reloading.then(() => this.#reload());
    this.#reloading = done.catch(() => undefined);
    return done;
  }

  /** Sends what is left for a bounded time, then stops every part. */
  async stop(): Promise<void> {
    this.#systemd.stopping();
    this.#stopping.abort();
    for (const timer of this.#timers) clearInterval(timer);
    await this.#control?.stop();
    await this.#reloading;
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
    this.#close();
  }

  async #reload(): Promise<ConfigChanges> {
    this.#systemd.reloading();
    try {
      const inUse = this.#vision.state === 'running' ? this.#health.recogniser : undefined;
      const changes = this.#configuration.reload(inUse?.id);
      const config = this.#configuration.current;
      this.#cameras.keep(new Set(config.cameras.map(({ id }) => id)));
      this.#services.reconfigure(config);
      this.#recognition.follow(changes, inUse);
      this.#reloadGallery();
      const templates = this.#recognition.gallerySize;
      this.#options.log.info({ templates }, 'configuration and gallery were read anew');
      if (changes.vision.length > 0) await this.#vision.restart(this.#configuration.vision);
      return changes;
    } finally {
      this.#systemd.ready('running');
    }
  }

  #visionReady(builds: readonly ActiveBuild[], loadMs: number): void {
    const { log } = this.#options;
    this.#health.takeBuilds(builds);
    this.#metrics.takeBuilds(builds);
    for (const { role, id, provider, reason } of builds) log.info({ role, id, provider, reason });
    const { recogniser } = this.#health;
    if (recogniser === undefined) throw new Error('the vision process has no recogniser');
    this.#recognition.use(recogniser);
    const { gallerySize } = this.#recognition;
    const status = `${this.#configuration.current.cameras.length} cameras, ${gallerySize} templates`;
    log.info({ loadMs: Math.round(loadMs) }, `running: ${status}`);
    this.#systemd.ready(status);
    this.#systemd.feedWatchdog(() => this.#health.progressing);
    this.#healthPublisher.publish();
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

  #visionExited(boot: string | null): void {
    if (boot !== null) this.#recognition.current?.endBoot(boot);
    if (!this.#stopping.signal.aborted) this.#cameras.visionExited();
  }

  #observe(observation: Observation): void {
    this.#metrics.countObservation(observation.cameraId);
    try {
      const outcome = this.#recognition.current?.observe(observation);
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
    this.#feed.publish(hit);
    this.#options.onHit?.(hit);
  }

  #publishPresence(cameraId: string): void {
    const present = this.#recognition.current?.presenceAt(cameraId);
    if (present !== undefined) this.#services.takePresence(cameraId, present);
  }

  #makeHandlers(): RequestHandlers {
    return daemonRequests({
      ...{ db: this.#db, configuration: this.#configuration, health: this.#health },
      ...{ cameras: this.#cameras, mqtt: this.#mqtt, brokerUrl: this.brokerUrl },
      ...{ vision: this.#vision, recognition: this.#recognition, pump: this.#pump },
      reload: () => this.reload(),
      galleryChanged: () => this.#reloadGallery(),
    });
  }

  #startControl(handlers: RequestHandlers): Promise<ControlServer> {
    return ControlServer.start({
      stateDir: this.#configuration.current.stateDir,
      handlers,
      feed: this.#feed,
      earlierHits: ({ last, after }) => earlierHits(this.#db, last, after),
      log: this.#options.log,
    });
  }

  #makeServices(handlers: RequestHandlers): MqttServices {
    const { config, log, version } = this.#options;
    const services = new MqttServices({
      ...{ config, version, handlers, log, db: this.#db },
      connection: this.#mqtt,
      topics: this.#topics,
      device: deviceName(),
    });
    services.takePeople(new IdentityStore(this.#db).list());
    return services;
  }

  #makeMaintenance(): Maintenance {
    return new Maintenance({
      ...{ db: this.#db, outbox: this.#outbox, clock: systemClock, log: this.#options.log },
      config: this.#configuration,
      threshold: () => this.#recognition.threshold,
      onDropped: (hits) => this.#metrics.countDropped(hits),
      onSwept: (swept) => {
        this.#metrics.countSwept(swept);
        if (swept.strangers > 0) this.#reloadGallery();
      },
      onForgotten: () => this.#reloadGallery(),
    });
  }

  #reloadGallery(): void {
    for (const camera of this.#recognition.reloadGallery()) this.#publishPresence(camera);
    this.#services.takePeople(new IdentityStore(this.#db).list());
  }

  #startTimers(): void {
    this.#timers.push(
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#healthPublisher.publish(), HEALTH_MS),
      setInterval(() => void this.#maintenance.run(), MAINTENANCE_MS),
    );
    void this.#maintenance.run();
  }

  #tick(): void {
    this.#problems.attempt(NOT_READ, () => {
      for (const camera of this.#recognition.current?.expirePresence() ?? [])
        this.#publishPresence(camera);
      const version = dataVersion(this.#db);
      if (version !== this.#dataVersion) {
        this.#dataVersion = version;
        this.#reloadGallery();
      }
    });
    this.#problems.retry(NOT_RECORDED);
    this.#pump.kick();
    this.#healthPublisher.publishNews();
  }
}
