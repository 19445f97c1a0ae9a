import type { Config } from '../config/schema.js';
import type {
  CameraStatus,
  Face,
  Observation,
  Quality,
  Size,
  Template,
  TrackEnded,
  VisionStats,
} from '../domain/records.js';

/**
 * The wire between daemon and vision process: Node IPC with `serialization: 'advanced'`, so typed
 * arrays cross as they are. Frames never cross. Both ends check `protocol` before anything else.
 */
export const PROTOCOL = 1;

/** How the vision process plays its sources. */
export interface PlayMode {
  /** Process every frame of a finite source as fast as possible, with media time as the clock. */
  readonly fast: boolean;
}

/** What the vision process needs of the configuration. */
export type VisionConfig = Pick<
  Config,
  | 'stateDir'
  | 'cameras'
  | 'detector'
  | 'recogniser'
  | 'liveness'
  | 'quality'
  | 'motion'
  | 'tracking'
  | 'gallery'
  | 'models'
> & { readonly snapshots: Config['mqtt']['snapshots'] };

/** One face of an analysed still image. */
export interface AnalysedFace extends Face {
  readonly quality: Quality;
  readonly template: Template;
  readonly liveness?: number;
  /** Aligned face as JPEG. */
  readonly crop: Uint8Array;
}

/** Outcome of `analyse`: the faces, or why the image could not be read. */
export type Analysis =
  | { readonly ok: true; readonly frame: Size; readonly faces: readonly AnalysedFace[] }
  | { readonly ok: false; readonly error: string; readonly hint?: string };

/** A model build in use and why it was chosen. */
export interface ActiveBuild {
  readonly role: 'detector' | 'recogniser' | 'liveness';
  readonly id: string;
  readonly family: string;
  readonly precision: string;
  /** Execution provider that runs it. */
  readonly provider: string;
  readonly reason: string;
}

/** From the vision process to the daemon. */
export type VisionMessage =
  | {
      readonly type: 'hello';
      readonly protocol: number;
      readonly pid: number;
      readonly boot: string;
    }
  | { readonly type: 'loading'; readonly what: string }
  | { readonly type: 'ready'; readonly builds: readonly ActiveBuild[]; readonly loadMs: number }
  | { readonly type: 'observation'; readonly observation: Observation }
  | { readonly type: 'trackEnded'; readonly track: TrackEnded }
  | { readonly type: 'cameraStatus'; readonly status: CameraStatus }
  | { readonly type: 'stats'; readonly stats: VisionStats }
  | { readonly type: 'analysed'; readonly requestId: number; readonly analysis: Analysis }
  /** Every source is finite and has ended. */
  | { readonly type: 'sourcesEnded'; readonly frames: number }
  | {
      readonly type: 'fault';
      readonly error: string;
      readonly hint?: string;
      readonly fatal: boolean;
    };

/** From the daemon to the vision process. */
export type DaemonMessage =
  | { readonly type: 'configure'; readonly config: VisionConfig; readonly mode: PlayMode }
  /** `settled` tracks are named: only refresh them now and then. */
  | { readonly type: 'verdict'; readonly trackId: string; readonly settled: boolean }
  /** The daemon has taken so many more observations. */
  | { readonly type: 'credit'; readonly observations: number }
  | {
      readonly type: 'analyse';
      readonly requestId: number;
      readonly image: Uint8Array;
      /** It is the crop of an {@link AnalysedFace}: nothing is searched in it. */
      readonly aligned?: boolean;
    }
  /** Analyse the next frame of this camera as a whole; the answer is `analysed`. */
  | { readonly type: 'look'; readonly requestId: number; readonly cameraId: string }
  | { readonly type: 'pause'; readonly cameraId: string | null; readonly on: boolean }
  | { readonly type: 'shutdown' };

/** Observations that may be on the way before the daemon has taken one. */
export const OBSERVATION_CREDIT = 32;
