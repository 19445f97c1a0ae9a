/** What was wrong with the answer to one input. */
export interface FuzzFinding {
  /** Number of the input; the seed and it give the input again. */
  readonly input: number;
  readonly what: string;
}

/** How one kind of input was taken. */
export interface FuzzTally {
  readonly inputs: number;
  readonly accepted: number;
  /** Refused with a reason, as it should be. */
  readonly refused: number;
  readonly findings: readonly FuzzFinding[];
}

/** Counts answers; only what no answer explains is a finding. */
export class FuzzCounter {
  #inputs = 0;
  #accepted = 0;
  #refused = 0;
  readonly #findings: FuzzFinding[] = [];

  /** Number of the input that comes next. */
  get next(): number {
    return this.#inputs;
  }

  accepted(): void {
    this.#inputs++;
    this.#accepted++;
  }

  refused(): void {
    this.#inputs++;
    this.#refused++;
  }

  found(what: string): void {
    this.#findings.push({ input: this.#inputs, what });
    this.#inputs++;
  }

  tally(): FuzzTally {
    const findings = [...this.#findings];
    return { inputs: this.#inputs, accepted: this.#accepted, refused: this.#refused, findings };
  }
}

/** What `npm run fuzz` prints. */
export interface FuzzReport {
  readonly files: number;
  readonly seed: number;
  readonly images: FuzzTally;
  /** Images over which the vision process ended; each was refused, and the process came back. */
  readonly visionCrashes: number;
  readonly requests: FuzzTally;
  /** Connections with damaged MQTT packets to the built-in broker, and requests over MQTT. */
  readonly mqttInputs: number;
  readonly configurations: FuzzTally;
  readonly daemonAlive: boolean;
  readonly visionState: string;
  readonly unhandledRejections: number;
  readonly daemonMb: number;
  readonly visionMb: number;
  /** Bars that were missed, in words. */
  readonly missed: readonly string[];
}

export function missedBars(report: Omit<FuzzReport, 'missed'>): string[] {
  const { images, requests, configurations, visionState, visionCrashes, files } = report;
  const missed: string[] = [];
  for (const [kind, { findings }] of Object.entries({ images, requests, configurations })) {
    if (findings.length > 0) missed.push(`${findings.length} findings among the ${kind}`);
  }
  if (!report.daemonAlive) missed.push('the daemon ended');
  if (report.unhandledRejections > 0) missed.push('there were unhandled rejections');
  if (visionState !== 'running') missed.push(`the vision process is ${visionState}`);
  if (visionCrashes > files / MAX_CRASH_SHARE) missed.push('the vision process ended too often');
  return missed;
}

/** One image of so many may end the vision process before somebody has to look into it. */
const MAX_CRASH_SHARE = 1_000;
