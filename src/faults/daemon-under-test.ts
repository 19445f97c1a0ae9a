import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, type WriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import mqtt, { type MqttClient } from 'mqtt';
import { stringify } from 'yaml';
import type { ConfigInput } from '../config/schema.js';
import { freePort } from '../demo/free-port.js';
import { FaceEvalError } from '../domain/errors.js';
import type { Hit } from '../domain/records.js';
import type { HealthReport } from '../mqtt/payloads.js';
import { childrenOf, commandLine } from './process-probe.js';

/** The program as a user starts it. */
export const PROGRAM = fileURLToPath(new URL('../cli/faceeval.js', import.meta.url));

/** What the unit file of the service sets, for both processes of the daemon. */
export const SERVICE_NODE_OPTIONS = '--max-semi-space-size=2';

const VISION_SCRIPT = /(vision\/main|synthetic-vision)\.js$/;
const ERROR_LEVEL = 50;
/** Errors of the log that are kept word for word. */
const MAX_ERRORS = 200;
const POLL_MS = 100;
const LINGER_MS = 500;

export interface DaemonUnderTestOptions {
  /** Folder for configuration, state and log. */
  readonly dir: string;
  readonly config: ConfigInput;
  /** URL of a broker; the daemon's own one when absent. */
  readonly brokerUrl?: string;
  /** Words before the program: `--import FILE`. */
  readonly nodeArgs?: readonly string[];
  /** Started instead of `faceeval run`, with the path of the configuration. */
  readonly script?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A daemon in a process of its own, a subscriber of what it says, and its log. */
export class DaemonUnderTest {
  /** Messages about hits in the order in which they came, repeats included. */
  readonly received: Hit[] = [];
  /** Log lines of errors, oldest first. */
  readonly errors: string[] = [];
  errorCount = 0;
  /** Complaints of Node about promises that nobody awaited, in both processes. */
  unhandledRejections = 0;
  lastHealth: HealthReport | undefined;
  /** Told of each camera status. */
  onCamera: (cameraId: string, state: string, reason: string | undefined) => void = () => {};
  readonly #log: WriteStream;

  private constructor(
    readonly child: ChildProcess,
    readonly client: MqttClient,
    /** Port of its built-in broker, where it runs one. */
    readonly brokerPort: number,
    readonly stateDir: string,
    logPath: string,
  ) {
    this.#log = createWriteStream(logPath);
  }

  static async start(options: DaemonUnderTestOptions): Promise<DaemonUnderTest> {
    const { dir, config, brokerUrl, nodeArgs = [], script, environment = {} } = options;
    mkdirSync(dir, { recursive: true });
    const port = await freePort();
    const path = join(dir, 'faceeval.yaml');
    const stateDir = join(dir, 'state');
    const mqttConfig =
      brokerUrl === undefined ? { url: 'embedded', embedded: { port } } : { url: brokerUrl };
    const full: ConfigInput = {
      ...{ stateDir, http: { enabled: false }, ...config },
      mqtt: { ...mqttConfig, ...config.mqtt },
    };
    writeFileSync(path, stringify(full));
    const words = script === undefined ? [PROGRAM, 'run', '--config', path] : [script, path];
    const child = spawn(process.execPath, [...nodeArgs, ...words], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: SERVICE_NODE_OPTIONS, ...environment },
    });
    const client = mqtt.connect(brokerUrl ?? `mqtt://127.0.0.1:${port}`, {
      reconnectPeriod: 200,
      // A broker that was away keeps what came before this subscriber is back.
      ...{ clean: false, clientId: `subscriber-${port}` },
    });
    const daemon = new DaemonUnderTest(
      child,
      client,
      port,
      full.stateDir ?? stateDir,
      `${dir}/daemon.log`,
    );
    daemon.#listen();
    return daemon;
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Process id of the vision process, while one runs. */
  get visionPid(): number | undefined {
    return childrenOf(this.pid).find((pid) =>
      commandLine(pid).some((word) => VISION_SCRIPT.test(word)),
    );
  }

  /**
   * Waits until something holds.
   *
   * @throws FaceEvalError VISION when it does not in time, or the daemon has ended.
   */
  async until(what: string, holds: () => boolean, timeoutMs: number): Promise<number> {
    const startMs = performance.now();
    while (!holds()) {
      const passedMs = performance.now() - startMs;
      if (passedMs > timeoutMs || !this.alive) {
        const how = this.alive ? `within ${timeoutMs / 1000} s` : 'before the daemon ended';
        throw new FaceEvalError('VISION', `not ${how}: ${what}\n${this.errors.join('\n')}`, {
          hint: 'the log lies beside the state folder',
        });
      }
      await delay(POLL_MS);
    }
    return performance.now() - startMs;
  }

  /** Ends the daemon in order. @returns Its exit code. */
  async stop(): Promise<number | null> {
    if (this.alive) {
      const gone = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      await gone;
      // A broker hands on to this subscriber what it has just taken from the daemon.
      await delay(LINGER_MS);
    }
    await this.client.endAsync(true);
    this.#log.end();
    return this.child.exitCode;
  }

  /** Ends it at once, for the end of a run that failed. */
  kill(): void {
    this.child.kill('SIGKILL');
    this.client.end(true);
    this.#log.end();
  }

  #listen(): void {
    this.client.on('error', () => {
      // The broker starts with the daemon, or is away on purpose.
    });
    this.client.on('message', (topic, payload) => this.#take(topic, payload.toString()));
    this.client.subscribe(
      ['faceeval/hits', 'faceeval/unknowns', 'faceeval/health', 'faceeval/cameras/+/state'],
      { qos: 1 },
    );
    const { stderr } = this.child;
    if (stderr !== null) createInterface({ input: stderr }).on('line', (l) => this.#takeLine(l));
  }

  #take(topic: string, text: string): void {
    const payload: unknown = JSON.parse(text);
    if (topic.endsWith('/hits') || topic.endsWith('/unknowns')) {
      this.received.push(payload as Hit);
    } else if (topic.endsWith('/health')) {
      this.lastHealth = payload as HealthReport;
    } else {
      const { state, reason } = payload as { state: string; reason?: string };
      this.onCamera(topic.split('/').at(-2) ?? '', state, reason);
    }
  }

  #takeLine(line: string): void {
    this.#log.write(`${line}\n`);
    if (/unhandled/i.test(line)) this.unhandledRejections++;
    const level = Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? ERROR_LEVEL);
    if (level < ERROR_LEVEL) return;
    this.errorCount++;
    if (this.errors.length < MAX_ERRORS) this.errors.push(line);
  }
}
