import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { VisionStats } from '../domain/records.js';
import { Picture } from '../imaging/picture.js';
import { Capture, type RawFrame } from './camera/capture.js';
import { monotonicMs } from './camera/frame-slots.js';
import { Channel } from './channel.js';
import { type FaceEngine, openFaceEngine } from './face-engine.js';
import { type DaemonMessage, type PlayMode, PROTOCOL, type VisionConfig } from './messages.js';
import { Pipeline } from './pipeline.js';
import { StageClock } from './stage-clock.js';
import { analyseCrop, analyseImage, analysePicture } from './still-analysis.js';

type AnalyseMessage = Extract<DaemonMessage, { readonly type: 'analyse' }>;

/** The vision process: owns every camera, OpenCV and ONNX Runtime. Started by the supervisor. */
class VisionProcess {
  readonly #channel = new Channel((message) => process.send?.(message));
  readonly #boot = randomBytes(4).toString('hex');
  readonly #stages = new StageClock();
  readonly #stop = new AbortController();
  #engine: FaceEngine | undefined;
  #capture: Capture | undefined;
  #pipeline: Pipeline | undefined;
  #config: VisionConfig | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Highest seen: at the end of a file its decoder is gone already. */
  #decodersRssBytes = 0;
  #lastFrameMs: number | null = null;
  readonly #lastFramesMs = new Map<string, number>();
  /** Requests that the next frame of a camera answers, by camera. */
  readonly #looks = new Map<string, number[]>();
  #statsBefore = { atMs: monotonicMs(), frames: new Map<string, number>() };

  start(): void {
    process.on('message', (message: DaemonMessage) => this.#receive(message));
    // The daemon is gone: nobody would ever stop the cameras.
    process.once('disconnect', () => process.exit(0));
    this.#channel.send({
      type: 'hello',
      protocol: PROTOCOL,
      pid: process.pid,
      boot: this.#boot,
    });
  }

  #receive(message: DaemonMessage): void {
    switch (message.type) {
      case 'configure':
        this.#run(message.config, message.mode).catch((error: unknown) => this.#fail(error));
        break;
      case 'verdict':
        this.#pipeline?.settle(message.trackId, message.settled);
        break;
      case 'credit':
        this.#channel.grant(message.observations);
        break;
      case 'analyse':
        void this.#exclusively(() => this.#analyse(message));
        break;
      case 'look':
        this.#looks.set(message.cameraId, [
          ...(this.#looks.get(message.cameraId) ?? []),
          message.requestId,
        ]);
        break;
      case 'pause':
        this.#capture?.pause(message.cameraId, message.on);
        if (message.on) this.#pipeline?.endTracks(message.cameraId ?? undefined);
        break;
      case 'shutdown':
        this.#shutDown().catch((error: unknown) => this.#fail(error));
        break;
    }
  }

  async #run(config: VisionConfig, mode: PlayMode): Promise<void> {
    const startMs = performance.now();
    const engine = await openFaceEngine(config, {
      onProgress: (what) => this.#channel.send({ type: 'loading', what }),
      onFallback: (error) => this.#channel.send({ type: 'fault', error, fatal: false }),
    });
    this.#engine = engine;
    this.#config = config;
    const loadMs = performance.now() - startMs;
    this.#channel.send({ type: 'ready', builds: engine.builds, loadMs });
    const statsTimer = setInterval(() => this.#sendStats(), 1_000);
    const pipeline = new Pipeline(engine, config, mode, this.#boot, this.#stages, {
      observation: (observation) => this.#channel.observe(observation),
      trackEnded: (track) => this.#channel.endTrack({ type: 'trackEnded', track }),
    });
    this.#pipeline = pipeline;
    const capture = new Capture(config.cameras, mode, (status) => {
      this.#channel.send({ type: 'cameraStatus', status });
      // No frame will come that would tell that somebody is gone.
      if (!mode.fast && status.state !== 'online') pipeline.endTracks(status.cameraId);
    });
    this.#capture = capture;
    if (config.cameras.length > 0) capture.start();
    await this.#processFrames(capture, pipeline);
    pipeline.endTracks();
    this.#sendStats();
    // Without any camera as well, pictures of people are analysed: the reports say that it lives.
    if (this.#stop.signal.aborted) clearInterval(statsTimer);
    if (!this.#stop.signal.aborted && config.cameras.length > 0) {
      this.#channel.send({ type: 'sourcesEnded', frames: pipeline.frames });
    }
  }

  async #processFrames(capture: Capture, pipeline: Pipeline): Promise<void> {
    for (;;) {
      const frame = await capture.next(this.#stop.signal);
      if (frame === null) return;
      try {
        await this.#exclusively(() => pipeline.process(frame));
        await this.#exclusively(() => this.#look(frame));
        this.#lastFrameMs = monotonicMs();
        this.#lastFramesMs.set(frame.cameraId, this.#lastFrameMs);
      } finally {
        frame.release();
      }
      // Verdicts and requests get their turn between two frames.
      await new Promise(setImmediate);
    }
  }

  /** Runs one piece of work at a time: the nets are not re-entrant. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #analyse({ requestId, image, aligned = false }: AnalyseMessage): Promise<void> {
    const engine = this.#engine;
    const work = aligned ? analyseCrop : analyseImage;
    const analysis =
      engine === undefined
        ? ({ ok: false, error: 'the models are not loaded yet' } as const)
        : await work(engine, image).catch(
            (error: unknown) => ({ ok: false, error: messageOf(error) }) as const,
          );
    this.#channel.send({ type: 'analysed', requestId, analysis });
  }

  async #look(frame: RawFrame): Promise<void> {
    const requestIds = this.#looks.get(frame.cameraId);
    const engine = this.#engine;
    if (requestIds === undefined || engine === undefined) return;
    this.#looks.delete(frame.cameraId);
    const picture = Picture.fromI420(frame.i420, frame);
    try {
      const faces = await analysePicture(engine, picture);
      const analysis = { ok: true, frame: picture.size, faces } as const;
      for (const requestId of requestIds) {
        this.#channel.send({ type: 'analysed', requestId, analysis });
      }
    } finally {
      picture.release();
    }
  }

  #sendStats(): void {
    const capture = this.#capture;
    const config = this.#config;
    if (capture === undefined || config === undefined) return;
    const nowMs = monotonicMs();
    const passedS = Math.max(0.001, (nowMs - this.#statsBefore.atMs) / 1000);
    const frames = new Map<string, number>();
    const cameras = config.cameras.map(({ id }) => {
      const source = capture.stats(id);
      const counters = this.#pipeline?.counters(id);
      const lastMs = this.#lastFramesMs.get(id);
      frames.set(id, source.frames);
      return {
        cameraId: id,
        ...source,
        detections: counters?.detections ?? 0,
        faces: counters?.faces ?? 0,
        tracks: counters?.tracks ?? 0,
        fps: (source.frames - (this.#statsBefore.frames.get(id) ?? 0)) / passedS,
        frameAgeMs: lastMs === undefined ? null : nowMs - lastMs,
      };
    });
    this.#statsBefore = { atMs: nowMs, frames };
    const decodersRssBytes = capture.rssBytes();
    this.#decodersRssBytes = Math.max(this.#decodersRssBytes, decodersRssBytes);
    const stats: VisionStats = {
      cameras,
      stages: this.#stages.stats(),
      rssBytes: process.memoryUsage.rss() + decodersRssBytes,
      peakRssBytes: peakRssBytes(),
      decodersRssBytes: this.#decodersRssBytes,
      frameAgeMs:
        capture.online === 0 || this.#lastFrameMs === null ? null : nowMs - this.#lastFrameMs,
    };
    this.#channel.send({ type: 'stats', stats });
  }

  async #shutDown(): Promise<void> {
    this.#stop.abort();
    this.#pipeline?.endTracks();
    await this.#capture?.stop();
    process.disconnect?.();
    process.exit(0);
  }

  #fail(error: unknown): void {
    const hint = error instanceof FaceEvalError ? error.hint : undefined;
    const message = messageOf(error);
    this.#channel.send({
      type: 'fault',
      error: message,
      ...(hint === undefined ? {} : { hint }),
      fatal: true,
    });
    // The message has to leave before the process does.
    setTimeout(() => process.exit(error instanceof FaceEvalError ? error.exitCode : 70), 100);
  }
}

/** Highest resident memory that the kernel saw for this process, bytes. */
function peakRssBytes(): number {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'latin1'));
  return Number(line?.[1] ?? 0) * 1024;
}

new VisionProcess().start();
