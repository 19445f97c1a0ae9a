import type { MqttConnection } from '../mqtt/client.js';
import type { Health } from './health.js';

export interface HealthPublisherOptions {
  readonly health: Pick<Health, 'report' | 'problems'>;
  readonly mqtt: Pick<MqttConnection, 'connected' | 'retain'>;
  readonly topic: string;
}

/** Tells how the daemon does: whenever it is asked to, and when a problem comes or goes. */
export class HealthPublisher {
  /** Problems of the last report, as text; undefined until there is a report. */
  #told: string | undefined;

  constructor(private readonly options: HealthPublisherOptions) {}

  publish(): void {
    const { health, mqtt, topic } = this.options;
    const report = health.report();
    this.#told = textOf(report.problems);
    // Kept for a broker that is away, it would say after its return that there is none.
    if (mqtt.connected) mqtt.retain(topic, JSON.stringify(report), 0);
  }

  /** Call on every connection: what was not sent is said now. Nothing is before the first report. */
  publishAgain(): void {
    if (this.#told !== undefined) this.publish();
  }

  /** Call every second or so. */
  publishNews(): void {
    if (textOf(this.options.health.problems()) !== this.#told) this.publishAgain();
  }
}

const textOf = (problems: readonly string[]): string => problems.join('\n');
