import type { Database } from 'better-sqlite3';
import { z } from 'zod';
import { FaceEvalError } from '../domain/errors.js';
import type { GalleryDistances } from './gallery-distances.js';
import { deleteSetting, readSetting, writeSetting } from './settings.js';

/** False-accept rates that the manifest publishes thresholds for. */
export const RATES = [0.01, 0.001, 0.0001] as const;
export type Rate = (typeof RATES)[number];

const calibration = z.object({
  /** Cosine from which a comparison is a match. */
  threshold: z.number().min(-1).max(1),
  /** Asked false-accept rate of one comparison. */
  far: z.number(),
  /** Where the threshold comes from: see {@link calibrate}. */
  basis: z.enum(['gallery', 'gallery-and-published', 'published']),
  /** Comparisons of different people that the gallery offered. */
  comparisons: z.number(),
  identities: z.number(),
  calibratedAtMs: z.number(),
});

export type Calibration = z.output<typeof calibration>;

/** What a threshold does in this gallery. */
export interface Expectation {
  /** Share of comparisons of different people that reach the threshold, as counted here. */
  readonly falseAcceptRate: number;
  /** It is below this with 95 % confidence, were the comparisons independent. */
  readonly falseAcceptRateBelow: number;
  /** Chance that a stranger is named, when compared with every template of the gallery. */
  readonly strangerNamedRate: number;
  /** Share of templates that another one of the same person confirms; null without any. */
  readonly recognisedRate: number | null;
  /** Templates that this share was counted on. */
  readonly genuine: number;
}

/** So many comparisons have to lie above a threshold before the gallery's own count is believed. */
const LEAST_ABOVE = 10;
/** Fewer people make many comparisons, but always of the same faces. */
export const LEAST_IDENTITIES = 20;
/** Fewer comparisons say nothing at any of {@link RATES}. */
export const LEAST_COMPARISONS = LEAST_ABOVE / Math.max(...RATES);

/**
 * The threshold for a false-accept rate. A gallery of 20 people and more with at least 10/rate
 * comparisons of different people gives it alone ("gallery"). With fewer comparisons it is taken at
 * the lowest rate that they allow, and the rest of the way from the published thresholds, whose
 * tail was measured on more people ("gallery-and-published"). A small gallery cannot say anything:
 * the published threshold stays ("published").
 *
 * @param published Threshold of the recogniser at each of {@link RATES}.
 */
export function calibrate(
  distances: GalleryDistances,
  far: Rate,
  published: Readonly<Record<Rate, number>>,
  nowMs: number,
): Calibration {
  const { impostors, identities } = distances;
  const known = {
    far,
    comparisons: impostors.total,
    identities,
    calibratedAtMs: nowMs,
  };
  const anchor = [...RATES]
    .filter((rate) => rate >= far && impostors.total * rate >= LEAST_ABOVE)
    .sort((a, b) => a - b)[0];
  if (anchor === undefined || identities < LEAST_IDENTITIES) {
    return { ...known, threshold: published[far], basis: 'published' };
  }
  const own = impostors.thresholdFor(anchor);
  if (anchor === far) return { ...known, threshold: own, basis: 'gallery' };
  const threshold = Math.min(1, own + published[far] - published[anchor]);
  return { ...known, threshold: Number(threshold.toFixed(4)), basis: 'gallery-and-published' };
}

/** What is to be expected of a threshold, from the gallery's own distances. */
export function expectationOf(
  { impostors, genuine, templates }: GalleryDistances,
  chosen: Calibration,
): Expectation {
  const { threshold, far } = chosen;
  const above = impostors.countFrom(threshold);
  const falseAcceptRate = impostors.total === 0 ? 0 : above / impostors.total;
  const rate = chosen.basis === 'gallery' ? falseAcceptRate : far;
  return {
    falseAcceptRate,
    falseAcceptRateBelow: upperBound(above, impostors.total),
    strangerNamedRate: 1 - (1 - rate) ** templates,
    recognisedRate: genuine.total === 0 ? null : genuine.countFrom(threshold) / genuine.total,
    genuine: genuine.total,
  };
}

/** Upper end of the 95 % Wilson interval (one-sided) of a share. */
function upperBound(hits: number, trials: number): number {
  if (trials === 0) return 1;
  const z = 1.645;
  const share = hits / trials;
  const centre = share + (z * z) / (2 * trials);
  const spread = z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials));
  return Math.min(1, (centre + spread) / (1 + (z * z) / trials));
}

const keyOf = (family: string): string => `calibration:${family}`;

/**
 * The calibration that was saved for a recogniser family; undefined when there is none.
 *
 * @throws FaceEvalError STORE when another version saved it in a form that this one does not know.
 */
export function readCalibration(db: Database, family: string): Calibration | undefined {
  const saved = readSetting(db, keyOf(family));
  if (saved === undefined) return undefined;
  const parsed = calibration.safeParse(JSON.parse(saved));
  if (parsed.success) return parsed.data;
  throw new FaceEvalError('STORE', `the saved calibration of ${family} is not understood`, {
    hint: 'calibrate again, or go back to the published threshold: faceeval calibrate --reset',
  });
}

export function saveCalibration(db: Database, family: string, chosen: Calibration): void {
  writeSetting(db, keyOf(family), JSON.stringify(chosen));
}

/** Goes back to the published threshold. @returns Whether there was a calibration. */
export function removeCalibration(db: Database, family: string): boolean {
  return deleteSetting(db, keyOf(family));
}
