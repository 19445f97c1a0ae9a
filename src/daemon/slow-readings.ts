import { readFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import type { Logger } from 'pino';
import si from 'systeminformation';
import { messageOf } from '../domain/errors.js';

/** What the machine says of itself. */
export interface Readings {
  /** Hottest sensor of the processor; null where there is none. */
  readonly temperatureC: number | null;
  /** Memory that could be had without swapping. */
  readonly memoryFreeBytes: number;
}

/** Reading costs some processes each time. */
const EVERY_MS = 60_000;

/** Keeps the last readings, so that nobody waits for them. */
export class SlowReadings {
  #last: Readings = { temperatureC: null, memoryFreeBytes: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly log: Logger) {}

  get last(): Readings {
    return this.#last;
  }

  start(): void {
    this.#read();
    this.#timer = setInterval(() => this.#read(), EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #read(): void {
    Promise.all([si.cpuTemperature(), si.mem()]).then(
      ([temperature, memory]) => {
        this.#last = { temperatureC: temperature.main, memoryFreeBytes: memory.available };
      },
      (error: unknown) => this.log.debug(`no readings of the machine: ${messageOf(error)}`),
    );
  }
}

/** The board as it names itself, else its processor. */
export function deviceName(): string {
  for (const path of ['/proc/device-tree/model', '/sys/devices/virtual/dmi/id/product_name']) {
    try {
      const name = readFileSync(path, 'utf8').replaceAll('\0', '').trim();
      if (name !== '') return name;
    } catch {
      // Not that kind of machine.
    }
  }
  return `${cpus()[0]?.model.trim() ?? 'unknown processor'} (${arch()})`;
}
