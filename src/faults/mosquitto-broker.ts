import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../demo/free-port.js';
import { FaceEvalError } from '../domain/errors.js';

const PATHS = ['mosquitto', '/usr/sbin/mosquitto'];
const START_MS = 5_000;
const POLL_MS = 50;

/** A real Mosquitto that can be taken away and brought back; it remembers its subscribers. */
export class MosquittoBroker {
  #process: ChildProcess | undefined;

  private constructor(
    private readonly program: string,
    private readonly configuration: string,
    private readonly port: number,
  ) {}

  /** Whether Mosquitto is installed. */
  static get installed(): boolean {
    return findProgram() !== undefined;
  }

  /** @throws FaceEvalError MQTT when it is not installed or does not start. */
  static async start(dir: string): Promise<MosquittoBroker> {
    const program = findProgram();
    if (program === undefined) {
      throw new FaceEvalError('MQTT', 'mosquitto is not installed', {
        hint: 'apt-get install mosquitto',
      });
    }
    mkdirSync(dir, { recursive: true });
    const port = await freePort();
    const configuration = join(dir, 'mosquitto.conf');
    const lines = [
      ...[`listener ${port} 127.0.0.1`, 'allow_anonymous true', `user ${userInfo().username}`],
      ...['persistence true', `persistence_location ${dir}/`, 'max_queued_messages 0'],
    ];
    writeFileSync(configuration, `${lines.join('\n')}\n`);
    const broker = new MosquittoBroker(program, configuration, port);
    await broker.comeBack();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** @throws FaceEvalError MQTT when it does not listen in time. */
  async comeBack(): Promise<void> {
    this.#process = spawn(this.program, ['-c', this.configuration], { stdio: 'ignore' });
    for (let waitedMs = 0; waitedMs < START_MS; waitedMs += POLL_MS) {
      if (await answers(this.port)) return;
      await delay(POLL_MS);
    }
    throw new FaceEvalError('MQTT', `mosquitto does not listen on port ${this.port}`);
  }

  async goAway(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }
}

function findProgram(): string | undefined {
  return PATHS.find((path) => spawnSync(path, ['-h']).error === undefined);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const tell = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => tell(true));
    socket.once('error', () => tell(false));
  });
}
