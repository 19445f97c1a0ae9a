import { cosine } from '../gallery/cosine.js';
import { type FoundFace, type PictureFinding, unpackTemplate } from './finding.js';
import { findCentre } from './identity-centre.js';
import { typeOfName } from './image-file.js';
import type { InspectedFile } from './inspect-set.js';
import { checkLabels, type FalseAcceptCosines, type LabelCheck } from './label-check.js';
import { groupNearDuplicates } from './near-duplicates.js';
import { UNLABELLED } from './set-listing.js';

/** Why an image is moved aside; each is a folder of the rejected ones. */
export const CLEAN_REASONS = [
  'broken',
  'wrong-type',
  'no-face',
  'several-faces',
  'duplicate',
  'duplicate-of-another-identity',
  'mislabelled',
] as const;
export type CleanReason = (typeof CLEAN_REASONS)[number];

/** An image that is to be moved aside. */
export interface Rejection {
  readonly path: string;
  readonly reason: CleanReason;
  /** What is wrong with it, in words. */
  readonly detail: string;
}

/** The rules that the user may set. */
export interface JudgementRules {
  /** Faults that are let pass. */
  readonly keep: ReadonlySet<CleanReason>;
  /** Pictures are aligned faces: they were not searched. */
  readonly aligned: boolean;
  /** A further face counts when it is this large beside the largest, side by side; 0 counts all. */
  readonly secondFaceShare: number;
  /** Cosine to the identity's other images below which one is odd; see {@link checkLabels}. */
  readonly oddBelow?: number | undefined;
  /** Of the recogniser whose templates are judged. */
  readonly cosines: FalseAcceptCosines;
}

export interface Judgement extends Pick<LabelCheck, 'mixed' | 'alike'> {
  /** In the order of the set. */
  readonly rejections: readonly Rejection[];
}

interface Judged extends InspectedFile {
  readonly finding: PictureFinding;
  readonly vector: Float32Array;
}

/**
 * Decides about every image of a set from what was found. One image has one reason: the first that
 * applies, in the order of {@link CLEAN_REASONS}; later rules see only what earlier ones left.
 */
export function judgeSet(files: readonly InspectedFile[], rules: JudgementRules): Judgement {
  const rejected = new Map<string, Rejection>();
  const reject = (path: string, reason: CleanReason, detail: string): void => {
    if (!rules.keep.has(reason)) rejected.set(path, { path, reason, detail });
  };
  for (const file of files) judgeAlone(file, rules, reject);
  const good = files.filter(({ path }) => !rejected.has(path)).flatMap(asJudged);
  judgeDuplicates(good, rules.cosines, reject);
  const labels = checkLabels(
    good
      .filter(({ path }) => !rejected.has(path))
      .map(({ path, identity, vector }) => ({ path, identity, template: vector })),
    rules.cosines,
    rules.oddBelow,
  );
  for (const { path, own, looksLike } of labels.wrong) {
    const other =
      looksLike === undefined
        ? ''
        : `; looks like ${looksLike.identity} (${looksLike.similarity.toFixed(2)})`;
    reject(path, 'mislabelled', `unlike the identity's others (${own.toFixed(2)})${other}`);
  }
  const rejections = files.flatMap(({ path }) => rejected.get(path) ?? []);
  return { rejections, mixed: labels.mixed, alike: labels.alike };
}

function asJudged(file: InspectedFile): Judged[] {
  const { result: finding } = file;
  if (finding.kind !== 'picture' || finding.template === undefined) return [];
  return [{ ...file, finding, vector: unpackTemplate(finding.template) }];
}

type Reject = (path: string, reason: CleanReason, detail: string) => void;

/** What can be said of a file without the others. */
function judgeAlone(
  { path, result: finding }: InspectedFile,
  rules: JudgementRules,
  reject: Reject,
): void {
  if (finding.kind === 'broken') {
    reject(path, 'broken', finding.reason);
    return;
  }
  if (finding.kind === 'foreign') {
    reject(path, 'wrong-type', finding.type === null ? 'no picture' : `a ${finding.type} file`);
    return;
  }
  if (typeOfName(path) !== finding.type && !rules.keep.has('wrong-type')) {
    reject(path, 'wrong-type', `the content is ${finding.type}`);
    return;
  }
  if (rules.aligned) return;
  const faces = countingFaces(finding.faces, rules.secondFaceShare);
  if (faces === 0) reject(path, 'no-face', 'no face was found');
  else if (faces > 1) reject(path, 'several-faces', `${faces} faces`);
}

/** Faces that are large enough beside the largest. */
export function countingFaces(faces: readonly FoundFace[], share: number): number {
  const sides = faces.map(([, , width, height]) => Math.sqrt(width * height));
  const largest = Math.max(0, ...sides);
  return sides.filter((side) => side >= share * largest).length;
}

function judgeDuplicates(
  files: readonly Judged[],
  cosines: FalseAcceptCosines,
  reject: Reject,
): void {
  const prints = files.map(({ finding, vector }) => ({ hash: finding.hash, template: vector }));
  for (const places of groupNearDuplicates(prints)) {
    const group = places.map((place) => files[place] as Judged);
    const owner = ownerOf(group, files, cosines);
    const [kept, ...copies] = group.filter(({ identity }) => identity === owner).sort(byWorth);
    for (const { path } of copies) reject(path, 'duplicate', `a copy of ${kept?.path}`);
    for (const { path, identity } of group) {
      if (identity === owner) continue;
      const others = group.filter((other) => other.identity !== identity);
      const detail =
        kept === undefined
          ? `also in ${others.map((other) => other.path).join(', ')}; whose it is cannot be said`
          : `a copy of ${kept.path}`;
      reject(path, 'duplicate-of-another-identity', detail);
    }
  }
}

/** More pixels, then more bytes, then the earlier one. */
function byWorth(a: Judged, b: Judged): number {
  const pixels = ({ finding }: Judged) => finding.width * finding.height;
  return pixels(b) - pixels(a) || b.sizeBytes - a.sizeBytes;
}

/** By so much the picture must be more like one identity than like the others that have it. */
const OWNER_LEAD = 0.15;

/**
 * Identity that a picture belongs to that several have: the one whose other images it is clearly
 * more like. A name wins over none. Undefined when that cannot be said.
 */
function ownerOf(
  group: readonly Judged[],
  files: readonly Judged[],
  cosines: FalseAcceptCosines,
): string | undefined {
  const [picture] = group;
  const identities = [...new Set(group.map(({ identity }) => identity))];
  const named = identities.filter((identity) => identity !== UNLABELLED);
  if (identities.length === 1 || named.length <= 1) return named[0] ?? identities[0];
  const inGroup = new Set(group.map(({ path }) => path));
  const likeness = named.map((identity) => {
    const others = files
      .filter((file) => file.identity === identity && !inGroup.has(file.path))
      .map(({ vector }) => vector);
    if (others.length === 0 || picture === undefined) return { identity, similarity: 0 };
    const centre = findCentre(others, cosines[0.01]);
    return { identity, similarity: cosine(centre.vector, picture.vector) };
  });
  const [best, second] = likeness.sort((a, b) => b.similarity - a.similarity);
  if (best === undefined || best.similarity < cosines[0.01]) return undefined;
  return best.similarity - (second?.similarity ?? 0) >= OWNER_LEAD ? best.identity : undefined;
}
