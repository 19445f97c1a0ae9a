import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, waitFor } from './mosquitto.js';

const PYTHON = process.env.FACEEVAL_HASS_PYTHON;

/** Why the test with Home Assistant itself is skipped, or null when it runs. */
export const withoutHomeAssistant: string | null =
  PYTHON !== undefined &&
  spawnSync(PYTHON, ['-c', 'import homeassistant.components.mqtt.discovery, paho.mqtt']).status ===
    0
    ? null
    : 'FACEEVAL_HASS_PYTHON names no Python with the packages homeassistant and paho-mqtt';

/** An entity of Home Assistant's MQTT integration. */
export interface Entity {
  readonly unique_id: string;
  readonly entity_id: string;
  readonly state: string | null;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Home Assistant itself, as a process of its own. */
export class HomeAssistantCore {
  /** What it complained about. */
  readonly complaints: string[] = [];
  readonly #answers: unknown[] = [];

  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(brokerPort: number): Promise<HomeAssistantCore> {
    const folder = mkdtempSync(join(tmpdir(), 'faceeval-hass-'));
    const script = join(import.meta.dirname, 'home-assistant-core.py');
    const args = [script, folder, `${brokerPort}`, `${await freePort()}`];
    const child = spawn(PYTHON as string, args, { stdio: 'pipe' });
    const core = new HomeAssistantCore(child, folder);
    eachLine(child.stdout, (line) => core.#answers.push(JSON.parse(line)));
    eachLine(child.stderr, (line) => {
      if (/(WARNING|ERROR).*\[homeassistant\.(components\.mqtt|helpers\.template)/.test(line)) {
        core.complaints.push(line);
      }
    });
    await waitFor(() => core.#answers.length > 0, 90_000, 'Home Assistant');
    core.#answers.length = 0;
    return core;
  }

  /** Every entity of its MQTT integration, by the end of the unique id. */
  async entities(): Promise<Map<string, Entity>> {
    this.process.stdin?.write('states\n');
    await waitFor(() => this.#answers.length > 0, 20_000, 'the states');
    const entities = this.#answers.shift() as Entity[];
    return new Map(
      entities.map((entity) => [entity.unique_id.replace(/^faceeval_hall_/, ''), entity]),
    );
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.stdin?.end();
    const hard = setTimeout(() => this.process.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(hard);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function eachLine(stream: NodeJS.ReadableStream | null, take: (line: string) => void): void {
  let rest = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
}
