import { messageOf } from '../domain/errors.js';
import type { Hit } from '../domain/records.js';
import type { Outbox, OutboxRow } from './outbox.js';
import { isRefusal, type Publisher } from './publisher.js';

export interface OutboxPumpOptions {
  readonly baseTopic: string;
  /** A hit that waited longer is not sent any more; 0 sends all. */
  readonly maxHitAgeMs: number;
  readonly onError?: (message: string) => void;
  /** Told of a hit that had waited too long to be sent. */
  readonly onExpired?: () => void;
}

const TOPICS: Record<Hit['type'], string> = { recognised: 'hits', unknown: 'unknowns' };
/** Messages under way at once. One connection keeps their order. */
const MAX_IN_FLIGHT = 16;
/** From this age on, a message says that it is late. */
const DELAYED_MS = 5_000;
const RETRY_MS = 2_000;
/** A broker that refuses a message is asked again when somebody may have changed its rights. */
const REFUSED_RETRY_MS = 60_000;
/**
 * Acknowledged rows are deleted so long after the first, if no hit was written before: on a day with
 * a hit every quarter of a minute nearly each leaves with the next hit, which halves what an SD card
 * takes (docs/faults.md). A power cut before sends it again with the id that it had.
 */
const FLUSH_MS = 300_000;
const DRAIN_POLL_MS = 50;

/**
 * Sends the outbox in order while there is a connection. A row leaves the table only after its
 * acknowledgement; after a crash it is sent again with the id it had, marked as delayed.
 */
export class OutboxPump {
  /** Every row up to this one is under way, or was refused. */
  #readUpTo = 0;
  /** Rows up to this one were sent before, perhaps by another process. */
  #sentUpTo: number;
  readonly #inFlight = new Set<number>();
  /** Rows that the broker refused, and when they are tried again. */
  readonly #refused = new Map<number, number>();
  /** A message was not taken: begin anew when all that is under way has come back. */
  #beginAnew = false;
  #flushTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    private readonly outbox: Outbox,
    private readonly publisher: Publisher,
    private readonly options: OutboxPumpOptions,
  ) {
    this.#sentUpTo = outbox.lastSeq;
  }

  /** Sends what waits. Call after a hit was written and when the connection is there. */
  kick(): void {
    if (this.#stopped || !this.publisher.connected) return;
    if (this.#beginAnew) {
      if (this.#inFlight.size > 0) return;
      this.#beginAnew = false;
      this.#readUpTo = 0;
    }
    this.#forgetOldRefusals();
    try {
      this.#sendNext();
    } catch (error) {
      this.#tryLater(error);
    }
  }

  /** Waits until everything is acknowledged, at most so long. @returns Whether it is. */
  async drain(timeoutMs: number): Promise<boolean> {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      this.kick();
      if (this.outbox.size === 0) return true;
      if (performance.now() >= endMs) return false;
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  /** Nothing is sent any more; what is under way stays in the outbox unless it is acknowledged. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    this.flush();
  }

  /**
   * Deletes the rows that are acknowledged, for whoever looks at the table: there they wait still.
   * A disk that is full now may have room later: they are kept in mind until then.
   */
  flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    try {
      this.outbox.flush();
    } catch (error) {
      this.options.onError?.(messageOf(error));
      if (!this.#stopped) this.#flushTimer = setTimeout(() => this.flush(), FLUSH_MS);
    }
  }

  #sendNext(): void {
    while (this.#inFlight.size < MAX_IN_FLIGHT) {
      const rows = this.outbox.after(this.#readUpTo, MAX_IN_FLIGHT - this.#inFlight.size);
      if (rows.length === 0) return;
      for (const row of rows) {
        this.#readUpTo = row.seq;
        if (!this.#refused.has(row.seq) && !this.#inFlight.has(row.seq)) this.#send(row);
      }
    }
  }

  #send(row: OutboxRow): void {
    const { seq, ageMs } = row;
    const { maxHitAgeMs, baseTopic, onExpired } = this.options;
    const late = ageMs >= DELAYED_MS || seq <= this.#sentUpTo;
    if (maxHitAgeMs > 0 && ageMs > maxHitAgeMs) {
      onExpired?.();
      this.#acknowledge(seq);
      return;
    }
    this.#sentUpTo = Math.max(this.#sentUpTo, seq);
    this.#inFlight.add(seq);
    this.publisher
      .publish(`${baseTopic}/${TOPICS[row.type]}`, late ? delayed(row) : row.payload, {
        qos: 1,
        retain: false,
        ...(maxHitAgeMs > 0 && {
          messageExpiryS: Math.max(1, Math.ceil((maxHitAgeMs - ageMs) / 1000)),
        }),
      })
      .then(
        () => {
          this.#inFlight.delete(seq);
          this.#acknowledge(seq);
          this.kick();
        },
        (error: unknown) => {
          this.#inFlight.delete(seq);
          if (isRefusal(error)) {
            this.#refused.set(seq, performance.now() + REFUSED_RETRY_MS);
            this.options.onError?.(messageOf(error));
            this.kick();
          } else {
            this.#tryLater(error);
          }
        },
      );
  }

  /** Everything that is not acknowledged is sent again: order matters more than a repeat. */
  #tryLater(error: unknown): void {
    this.options.onError?.(messageOf(error));
    this.#beginAnew = true;
    if (this.#stopped) return;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.kick(), RETRY_MS);
  }

  #forgetOldRefusals(): void {
    const nowMs = performance.now();
    for (const [seq, untilMs] of this.#refused) {
      if (untilMs > nowMs) continue;
      this.#refused.delete(seq);
      this.#readUpTo = Math.min(this.#readUpTo, seq - 1);
    }
  }

  #acknowledge(seq: number): void {
    try {
      this.outbox.acknowledge(seq);
    } catch (error) {
      this.options.onError?.(messageOf(error));
    }
    if (this.#stopped) this.flush();
    else this.#flushTimer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }
}

/** A message that waited says so: nothing may act on it as if it were new. */
function delayed({ payload, ageMs }: OutboxRow): string {
  return JSON.stringify({ ...(JSON.parse(payload) as Hit), delayed: true, ageMs });
}
