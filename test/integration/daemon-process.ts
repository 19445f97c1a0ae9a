import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { stringify } from 'yaml';
import type { ConfigInput } from '../../src/config/schema.js';
import type { Hit } from '../../src/domain/records.js';

/** The compiled program: these tests run what a user runs. */
export const PROGRAM = join(import.meta.dirname, '../../dist/cli/faceeval.js');

/** A folder for one test, removed afterwards. */
export function scratchFolder(): { dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'faceeval-test-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Runs a command of the program to its end. */
export function runProgram(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): {
  status: number;
  stdout: string;
  stderr: string;
} {
  try {
    const stdout = execFileSync(process.execPath, [PROGRAM, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env,
      timeout: 100_000,
    });
    return { status: 0, stdout, stderr: '' };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { status, stdout, stderr };
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

const running = new Set<ChildProcess>();

/** Ends what a failed test left running. */
export function killDaemons(): void {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
}

/** A running daemon with a client that listens to it. */
export class DaemonProcess {
  readonly hits: Hit[] = [];
  readonly cameraStates: string[] = [];
  stderr = '';

  private constructor(
    readonly child: ChildProcess,
    readonly client: MqttClient,
  ) {}

  static async start(dir: string, config: ConfigInput): Promise<DaemonProcess> {
    if (!existsSync(PROGRAM)) throw new Error('compile first: scripts/setup');
    mkdirSync(dir, { recursive: true });
    const port = await freePort();
    const path = join(dir, 'faceeval.yaml');
    const full: ConfigInput = {
      stateDir: join(dir, 'state'),
      http: { enabled: false },
      mqtt: { url: 'embedded', embedded: { port } },
      ...config,
    };
    writeFileSync(path, stringify(full));
    const child = spawn(process.execPath, [PROGRAM, 'run', '--config', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 100 });
    const daemon = new DaemonProcess(child, client);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      daemon.stderr += text;
    });
    client.on('error', () => {
      // The broker starts together with the daemon.
    });
    client.on('message', (topic, payload) => daemon.#take(topic, payload.toString()));
    await new Promise<void>((resolve) => client.once('connect', () => resolve()));
    await client.subscribeAsync(['faceeval/hits', 'faceeval/unknowns', 'faceeval/cameras/+/state']);
    return daemon;
  }

  /** Waits until the condition holds. */
  async until(what: string, holds: () => boolean, timeoutMs = 30_000): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    while (!holds()) {
      if (performance.now() > endMs) throw new Error(`never came: ${what}\n${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Process id of the vision process. */
  visionPid(): number {
    const children = execFileSync('pgrep', ['-P', String(this.child.pid), '-f', 'vision/main'], {
      encoding: 'utf8',
    });
    return Number(children.trim().split('\n')[0]);
  }

  /** @returns The exit code, or the signal that ended it. */
  async stop(): Promise<number | NodeJS.Signals | null> {
    await this.client.endAsync(true);
    if (this.child.exitCode === null) this.child.kill('SIGTERM');
    return this.#exit();
  }

  /**
   * Waits for a daemon that ends by itself after its finite sources. Do not stop one that does: a
   * signal that comes once Node has put its handlers away ends it like any program.
   *
   * @returns The exit code, or the signal that ended it.
   */
  async ended(): Promise<number | NodeJS.Signals | null> {
    const exit = await this.#exit();
    await this.client.endAsync(true);
    return exit;
  }

  async #exit(): Promise<number | NodeJS.Signals | null> {
    const { child } = this;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode ?? child.signalCode;
  }

  #take(topic: string, payload: string): void {
    // The topic of a camera that is watched no longer was cleared.
    if (payload === '') return;
    if (topic.endsWith('/state')) {
      this.cameraStates.push((JSON.parse(payload) as { state: string }).state);
    } else {
      this.hits.push(JSON.parse(payload) as Hit);
    }
  }
}
