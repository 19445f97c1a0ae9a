import { messageOf } from '../domain/errors.js';
import type { Outbox, OutboxRow } from './outbox.js';
import type { Publisher } from './publisher.js';

export interface OutboxPumpOptions {
  readonly baseTopic: string;
  /** A hit that waited longer is dropped; 0 sends all. */
  readonly maxHitAgeMs: number;
  readonly onError?: (message: string) => void;
}

/** Messages under way at once. One connection keeps their order. */
const MAX_IN_FLIGHT = 16;
/** From this age on, a message says that it is late. */
const DELAYED_MS = 5_000;
const RETRY_MS = 2_000;
/** Acknowledged rows are deleted together, this long after the first. */
const ACKNOWLEDGE_MS = 250;

/**
 * Sends the outbox in order while there is a connection. A row leaves the table only after its
 * acknowledgement; after a crash it is sent again with the id it had.
 */
export class OutboxPump {
  #sentUpTo = 0;
  #inFlight = 0;
  #acknowledged: number[] = [];
  #acknowledgeTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    private readonly outbox: Outbox,
    private readonly publisher: Publisher,
    private readonly options: OutboxPumpOptions,
  ) {}

  /** Sends what waits. Call after a hit was written and when the connection is there. */
  kick(): void {
    if (this.#stopped || !this.publisher.connected) return;
    while (this.#inFlight < MAX_IN_FLIGHT) {
      const rows = this.outbox.after(this.#sentUpTo, MAX_IN_FLIGHT - this.#inFlight);
      if (rows.length === 0) return;
      for (const row of rows) this.#send(row);
    }
  }

  /** Waits until everything is acknowledged, at most so long. @returns Whether it is. */
  async drain(timeoutMs: number): Promise<boolean> {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      this.kick();
      this.#flush();
      if (this.outbox.size === 0) return true;
      if (performance.now() >= endMs) return false;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    this.#flush();
  }

  #send(row: OutboxRow): void {
    this.#sentUpTo = row.seq;
    const ageMs = Date.now() - row.createdAtMs;
    const { maxHitAgeMs, baseTopic } = this.options;
    if (maxHitAgeMs > 0 && ageMs > maxHitAgeMs) {
      this.#acknowledge(row.seq);
      return;
    }
    this.#inFlight++;
    this.publisher
      .publish(`${baseTopic}/${row.topic}`, withAge(row.payload, ageMs), {
        qos: 1,
        retain: false,
        ...(maxHitAgeMs > 0
          ? { messageExpiryS: Math.max(1, Math.ceil((maxHitAgeMs - ageMs) / 1000)) }
          : {}),
      })
      .then(
        () => {
          this.#inFlight--;
          this.#acknowledge(row.seq);
          this.kick();
        },
        (error: unknown) => {
          this.#inFlight--;
          this.#tryAgain(row.seq, messageOf(error));
        },
      );
  }

  /** Everything from the failed row on is sent again: order matters more than a repeat. */
  #tryAgain(seq: number, reason: string): void {
    this.options.onError?.(reason);
    this.#sentUpTo = Math.min(this.#sentUpTo, seq - 1);
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.kick(), RETRY_MS);
  }

  #acknowledge(seq: number): void {
    this.#acknowledged.push(seq);
    this.#acknowledgeTimer ??= setTimeout(() => this.#flush(), ACKNOWLEDGE_MS);
  }

  #flush(): void {
    clearTimeout(this.#acknowledgeTimer);
    this.#acknowledgeTimer = undefined;
    const seqs = this.#acknowledged;
    this.#acknowledged = [];
    this.outbox.acknowledge(seqs);
  }
}

/** A message that waited says so: nothing may act on it as if it were new. */
function withAge(payload: string, ageMs: number): string {
  if (ageMs < DELAYED_MS) return payload;
  return JSON.stringify({ ...(JSON.parse(payload) as object), delayed: true, ageMs });
}
