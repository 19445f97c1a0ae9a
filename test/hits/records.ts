import type { Clock } from '../../src/domain/clock.js';
import type { MachineClock } from '../../src/domain/machine-clock.js';
import type { Hit } from '../../src/domain/records.js';
import type { Publisher, PublishOptions } from '../../src/hits/publisher.js';

/** Both clocks of a test, moved by hand. */
export class TestClock implements Clock, MachineClock {
  boot = 'boot-1';
  wallMs = Date.UTC(2026, 10, 24, 12);
  monotonicMs = 50_000;

  readonly nowMs = () => this.wallMs;
  readonly monoMs = () => this.monotonicMs;
  readonly uptimeMs = () => Math.floor(this.monotonicMs);

  pass(ms: number): void {
    this.wallMs += ms;
    this.monotonicMs += ms;
  }
}

export function hitOf(id: string, part: Partial<Hit> = {}): Hit {
  return {
    schema: 1,
    id,
    type: 'recognised',
    time: '2026-11-24T12:00:00.000Z',
    camera: 'door',
    track: 'boot-1',
    identity: { id: 'i1', name: 'Ann' },
    similarity: 0.6,
    threshold: 0.4,
    margin: 0.3,
    shots: 2,
    quality: 0.7,
    box: { x: 1, y: 2, width: 30, height: 40 },
    frame: { width: 640, height: 480 },
    model: 'test',
    latencyMs: { capture: 1, detect: 2, embed: 3, match: 0.1, total: 7 },
    ...part,
  };
}

interface UnderWay {
  readonly topic: string;
  readonly message: Hit;
  readonly options: PublishOptions;
  readonly acknowledge: () => void;
  readonly fail: (error: Error) => void;
}

/** A broker that acknowledges when the test says so, or at once. */
export class TestPublisher implements Publisher {
  connected = true;
  automatic = true;
  /** Ids that it will not have. */
  readonly unwanted = new Set<string>();
  readonly taken: Hit[] = [];
  readonly underWay: UnderWay[] = [];
  most = 0;

  publish(topic: string, payload: string | Uint8Array, options: PublishOptions): Promise<void> {
    const message = JSON.parse(String(payload)) as Hit;
    if (!this.connected) return Promise.reject(new Error('not connected'));
    if (this.unwanted.has(message.id)) {
      return Promise.reject(Object.assign(new Error('not authorised'), { refused: true }));
    }
    return new Promise((resolve, reject) => {
      const done = () => this.underWay.splice(this.underWay.indexOf(entry), 1);
      const entry: UnderWay = {
        topic,
        message,
        options,
        acknowledge: () => {
          done();
          this.taken.push(message);
          resolve();
        },
        fail: (error) => {
          done();
          reject(error);
        },
      };
      this.underWay.push(entry);
      this.most = Math.max(this.most, this.underWay.length);
      if (this.automatic) entry.acknowledge();
    });
  }

  /** The connection breaks: nothing that is under way is acknowledged. */
  breakDown(): void {
    this.connected = false;
    for (const entry of [...this.underWay]) entry.fail(new Error('connection lost'));
  }
}

/** Lets every promise that can settle do so. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));
