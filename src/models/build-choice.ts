import { closest } from 'fastest-levenshtein';
import { FaceEvalError } from '../domain/errors.js';
import type { Device } from './device.js';
import type { Provider } from './inference-session.js';
import { type Build, buildsOf, type Manifest, missingFiles, type Role } from './manifest.js';

/** A build that can run here, how it is run, and why it stands where it stands. */
export interface Candidate {
  readonly build: Build;
  readonly providers: readonly Provider[];
  readonly threads: number;
  /** In words, for the user. */
  readonly reason: string;
}

/** A build that cannot run here, and why. */
export interface Rejection {
  readonly id: string;
  readonly reason: string;
}

/** The builds of a role, best first: when one does not load, the next falls in. */
export interface Ranking {
  readonly candidates: readonly Candidate[];
  readonly rejected: readonly Rejection[];
}

/** What the user, earlier runs and earlier measurements say about the choice. */
export interface ChoiceOptions {
  /** Build id from the configuration, or `auto`. */
  readonly requested: string;
  /** Provider order from the configuration. */
  readonly providers?: readonly Provider[] | undefined;
  /** Threads from the configuration; 0 for the device's own. */
  readonly threads: number;
  /** Ids of builds that are set aside: how often they ended the process while they were loaded. */
  readonly crashes?: ReadonlyMap<string, number>;
  /** What `faceeval doctor --tune` found to be fastest here. */
  readonly tuned?:
    | { readonly id: string; readonly threads: number; readonly p50Ms: number }
    | undefined;
  /** The bench may run untrained weights: their speed is that of trained ones. */
  readonly allowUntrained?: boolean;
}

/**
 * Ranks the builds of a role for a device.
 *
 * @throws FaceEvalError MODEL when the asked build does not exist or is refused, or none can run.
 */
export function rankBuilds(
  manifest: Manifest,
  role: Role,
  device: Device,
  options: ChoiceOptions,
): Ranking {
  const builds = buildsOf(manifest, role);
  const providers = usableProviders(role, device, options.providers);
  // An asked provider that is not here is tried, and its absence said; the choice goes by the rest.
  const present = providers.filter((provider) => device.providers.includes(provider));
  const rejected: Rejection[] = [];
  const runnable = builds.filter((build) => {
    const reason = whyNot(manifest, build, present, options);
    if (reason !== undefined) rejected.push({ id: build.id, reason });
    return reason === undefined;
  });
  const asked = options.requested === 'auto' ? undefined : options.requested;
  if (asked !== undefined) requireAsked(asked, builds, rejected);
  const crashesOf = ({ id }: Build) => options.crashes?.get(id) ?? 0;
  const sound = runnable.filter((build) => crashesOf(build) === 0);
  // When all are set aside, they are tried all the same: what ended them may have been anything.
  const usable = sound.length > 0 ? sound : runnable;
  for (const build of runnable) {
    if (!usable.includes(build))
      rejected.push({ id: build.id, reason: setAside(crashesOf(build)) });
  }
  const order = precisionOrder(device, present);
  const rank = usable
    .map((build) => scoreBuild(build, { asked, tuned: options.tuned, device, builds, order }))
    .sort((a, b) => crashesOf(a.build) - crashesOf(b.build) || a.score - b.score);
  if (rank.length === 0) throw noneLeft(role, rejected);
  const { tuned } = options;
  const threadsOf = (build: Build) =>
    options.threads || (build.id === tuned?.id ? tuned.threads : defaultThreads(device));
  return {
    candidates: rank.map(({ build, reason }) => {
      return { build, providers, threads: threadsOf(build), reason };
    }),
    rejected,
  };
}

/** Threads of a run: one core stays with capture and tracking where there are more than two. */
export function defaultThreads({ cores }: Device): number {
  return cores <= 2 ? cores : Math.min(4, cores - 1);
}

function usableProviders(
  role: Role,
  device: Device,
  asked: readonly Provider[] | undefined,
): readonly Provider[] {
  const order = asked ?? device.providers;
  // TensorRT builds an engine for each new size: the detector's inputs change with every frame.
  const accelerated = order.filter(
    (provider) => provider !== 'cpu' && !(provider === 'tensorrt' && role === 'detector'),
  );
  // CPU always stands at the end: a daemon that sees nothing because of a driver helps nobody.
  return [...accelerated, 'cpu'];
}

function whyNot(
  manifest: Manifest,
  build: Build,
  providers: readonly Provider[],
  options: ChoiceOptions,
): string | undefined {
  if (build.weights === 'untrained' && options.allowUntrained !== true) {
    return 'its weights are not trained yet: it would name people at random';
  }
  const missing = missingFiles(manifest, build);
  if (missing.length > 0) return `${missing.join(', ')} is not installed`;
  if (build.precision === 'fp16' && providers.every((provider) => provider === 'cpu')) {
    return 'FP16 needs a GPU provider, and ONNX Runtime has none here';
  }
  return undefined;
}

function setAside(crashes: number): string {
  return `set aside: it ended the process ${crashes} times while it was loaded`;
}

function requireAsked(
  asked: string,
  builds: readonly Build[],
  rejected: readonly Rejection[],
): void {
  const ids = builds.map(({ id }) => id);
  if (!ids.includes(asked)) {
    const near = ids.length === 0 ? '' : `; did you mean ${closest(asked, ids)}?`;
    throw new FaceEvalError('MODEL', `there is no build "${asked}"${near}`, {
      hint: `models/manifest.json has: ${ids.join(', ') || 'none of this role'}`,
    });
  }
  const refusal = rejected.find(({ id }) => id === asked);
  if (refusal !== undefined) {
    throw new FaceEvalError('MODEL', `the build ${asked} cannot be used: ${refusal.reason}`, {
      hint: 'set the build to auto, or run `faceeval doctor` to see what can run here',
    });
  }
}

function noneLeft(role: Role, rejected: readonly Rejection[]): FaceEvalError {
  const reasons = rejected.map(({ id, reason }) => `${id}: ${reason}`);
  return new FaceEvalError(
    'MODEL',
    `no ${role} can run here (${reasons.join('; ') || 'the manifest lists none'})`,
    { hint: 'install faceeval again, or set models.dir to a folder with other builds' },
  );
}

type Precision = Build['precision'];

interface PrecisionOrder {
  readonly order: readonly Precision[];
  /** Why the first of the order comes first. */
  readonly why: string;
  /** Why FP32 is taken where no build has the first precision; the same reason when absent. */
  readonly whyFp32?: string;
}

/** Which precision comes first on this hardware; the table of docs/devices.md. */
function precisionOrder(device: Device, providers: readonly Provider[]): PrecisionOrder {
  const [first] = providers;
  if (first === 'tensorrt') {
    return {
      order: ['fp16', 'fp32', 'mixed', 'int8'],
      why:
        device.gpu?.int8 === true
          ? 'TensorRT runs it in FP16; its 8-bit kernels refuse the zero points of the 8-bit builds'
          : 'this GPU has FP16 but no 8-bit kernels',
    };
  }
  if (first === 'cuda') {
    return {
      order: ['fp16', 'fp32', 'mixed', 'int8'],
      why: 'the CUDA provider is fastest in FP16',
    };
  }
  if (device.int8Instruction !== null) {
    return {
      order: ['int8', 'mixed', 'fp32', 'fp16'],
      why: `the processor multiplies 8-bit numbers in one instruction (${device.int8Instruction})`,
    };
  }
  if (device.arch === 'arm64') {
    return {
      order: ['int8', 'fp32', 'mixed', 'fp16'],
      why: 'signed 8-bit weights have a fast kernel on ARM and quarter the memory traffic',
      whyFp32:
        'it has no build that is 8-bit throughout, and without a dot product instruction one ' +
        'that is 8-bit in part loses to the conversions',
    };
  }
  return {
    order: ['fp32', 'mixed', 'int8', 'fp16'],
    why: 'without VNNI, 8-bit nets are no faster than FP32 on x86',
  };
}

interface ScoreContext {
  readonly asked: string | undefined;
  readonly tuned: ChoiceOptions['tuned'];
  readonly device: Device;
  readonly builds: readonly Build[];
  readonly order: PrecisionOrder;
}

/** Lower is better: the asked build and its brothers, the tuned, then family, preference, rule. */
function scoreBuild(
  build: Build,
  { asked, tuned, device, builds, order }: ScoreContext,
): { build: Build; score: number; reason: string } {
  if (build.id === asked) return { build, score: -4000, reason: 'named in the configuration' };
  // Only brothers give templates that fit the gallery of the build that was asked for.
  const askedFamily = builds.find(({ id }) => id === asked)?.family;
  const brother = build.family === askedFamily ? -3000 : 0;
  if (build.id === tuned?.id) {
    const time = `${tuned.p50Ms.toFixed(1)} ms`;
    const reason = `measured to be the fastest here (${time}) of those that agree with FP32`;
    return { build, score: brother - 2000, reason };
  }
  const families = [...new Set(builds.map(({ family }) => family))];
  const family = brother + 100 * families.indexOf(build.family);
  const preferred = build.preferredOn.find((place) => isPlace(device, place));
  if (preferred !== undefined) {
    const reason = `preferred on ${preferred}: measured to be faster there than its brothers`;
    return { build, score: family, reason };
  }
  const elsewhere = build.preferredOn.length > 0 ? 1 : 0;
  const rule = 10 * (order.order.indexOf(build.precision) + 1);
  const why = (build.precision === 'fp32' ? order.whyFp32 : undefined) ?? order.why;
  return { build, score: family + rule + elsewhere, reason: `${build.precision}: ${why}` };
}

/** Whether a place of the manifest's `preferredOn`, a board or an architecture, is this device. */
function isPlace(device: Device, place: string): boolean {
  return place === device.board || place === (device.arch === 'x64' ? 'x86-64' : device.arch);
}
