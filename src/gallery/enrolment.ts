import type { Config } from '../config/schema.js';
import type { Identity, Quality, Size } from '../domain/records.js';
import type { AnalysedFace } from '../vision/messages.js';
import { cosine } from './cosine.js';
import { type Candidate, GalleryIndex } from './gallery-index.js';
import type { IdentityStore } from './identity-store.js';
import { mainFace } from './main-face.js';

/** What came of one photo. */
export type EnrolmentResult =
  | {
      readonly kind: 'enrolled';
      readonly identity: Identity;
      readonly quality: number;
      /** Somebody else who looks alike: named for the user to check. */
      readonly warning?: string;
    }
  | { readonly kind: 'unchanged'; readonly identity: Identity; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** Where a photo came from and what made its template. */
export interface PhotoOrigin {
  readonly family: string;
  readonly build: string;
  readonly source: string;
  readonly frame: Size;
}

/** The face that a photo is of, or why there is none. */
export type UsableFace =
  | { readonly ok: true; readonly face: AnalysedFace }
  | { readonly ok: false; readonly reason: string };

/** Picks the one usable face of a photo: exactly one, or one that dwarfs all others. */
export function pickFace(
  faces: readonly AnalysedFace[],
  frame: Size,
  limits: Config['quality'],
): UsableFace {
  const { face: first, disputed } = mainFace(faces);
  if (first === undefined) {
    return unusable(
      `no face was found in the ${frame.width}×${frame.height} picture: the face should be ` +
        'upright, lit, and at least 40 pixels wide',
    );
  }
  if (disputed) {
    return unusable(
      `${faces.length} faces were found: cut the photo so that it shows one person only`,
    );
  }
  const flaw = flawOf(first.quality, limits);
  return flaw === undefined ? { ok: true, face: first } : unusable(flaw);
}

function unusable(reason: string): UsableFace {
  return { ok: false, reason };
}

/** Why a face cannot be judged, or undefined when it can. */
export function flawOf(quality: Quality, limits: Config['quality']): string | undefined {
  const { interocularPx, sharpness, frontality, value } = quality;
  if (interocularPx < limits.minInterocularPx) {
    return (
      `the face is too small: ${Math.round(interocularPx)} pixels between the eyes, ` +
      `at least ${limits.minInterocularPx} are needed`
    );
  }
  if (sharpness < limits.minSharpness) {
    return `the face is too blurred: sharpness ${show(sharpness)}, needed ${limits.minSharpness}`;
  }
  if (frontality < limits.minFrontality) {
    return (
      `the face is turned away too far: frontality ${show(frontality)}, ` +
      `needed ${limits.minFrontality}`
    );
  }
  if (value < limits.minValue) {
    return `the face is too poor to judge: quality ${show(value)}, needed ${limits.minValue}`;
  }
  return undefined;
}

const show = (value: number): string => value.toFixed(2);

/** A photo that is this much nearer to somebody else is of them. */
const MISTAKEN_LEAD = 0.15;

/**
 * Adds faces to the gallery under the rules that keep it trustworthy. An object is for one batch of
 * photos: what others change in the gallery meanwhile is seen by the next one.
 */
export class Enrolment {
  readonly #indexes = new Map<string, GalleryIndex>();

  constructor(
    private readonly store: IdentityStore,
    private readonly config: Pick<Config, 'quality' | 'gallery'>,
  ) {}

  /**
   * Enrols the face of one photo.
   *
   * @param name Identity to enrol; made when there is none of this name.
   * @param faces Everything that was found in the photo.
   * @throws FaceEvalError USAGE when the name is none, STORE errors of the database.
   */
  enrol(name: string, faces: readonly AnalysedFace[], origin: PhotoOrigin): EnrolmentResult {
    const picked = pickFace(faces, origin.frame, this.config.quality);
    if (!picked.ok) return refuse(picked.reason);
    const { template, quality, crop } = picked.face;
    const known = this.store.find(name);
    const own = known === undefined ? [] : this.store.templates(origin.family, known.id);
    const nearest = Math.max(-1, ...own.map(({ vector }) => cosine(vector, template)));
    const { duplicateSimilarity, maxTemplates, keepCrops } = this.config.gallery;
    if (known !== undefined && nearest >= duplicateSimilarity) {
      const reason = `the photo shows nothing new (similarity ${show(nearest)} to one that is there)`;
      return { kind: 'unchanged', identity: known, reason };
    }
    const index = this.#indexOf(origin.family);
    const other = index.search(template, 2).find(({ identity }) => identity.id !== known?.id);
    const doubt = this.#doubt(known, own.length, nearest, other);
    if (doubt !== undefined) return refuse(doubt);
    if (own.length >= maxTemplates) {
      return refuse(`${known?.name} has ${own.length} photos already, the most that are kept`);
    }
    const identity = this.store.ensure(name);
    const { family, build, source } = origin;
    const id = this.store.addTemplate(identity.id, {
      ...{ family, build, source },
      vector: template,
      quality: quality.value,
      crop: keepCrops ? crop : undefined,
    });
    index.add({ id, identity, vector: template });
    const warning = this.#warning(identity, other);
    return {
      kind: 'enrolled',
      identity,
      quality: quality.value,
      ...(warning === undefined ? {} : { warning }),
    };
  }

  /** Why the face is hardly that of the named person. */
  #doubt(
    known: Identity | undefined,
    photos: number,
    nearest: number,
    other: Candidate | undefined,
  ): string | undefined {
    const { outlierSimilarity, riskSimilarity, duplicateSimilarity } = this.config.gallery;
    if (other !== undefined && other.similarity >= duplicateSimilarity) {
      return `the photo is that of ${other.identity.name} (similarity ${show(other.similarity)})`;
    }
    if (photos === 0) return undefined;
    const lead = (other?.similarity ?? -1) - nearest;
    if (other !== undefined && other.similarity >= riskSimilarity && lead >= MISTAKEN_LEAD) {
      return (
        `the face looks like ${other.identity.name} (similarity ${show(other.similarity)}) ` +
        `rather than ${known?.name} (${show(nearest)})`
      );
    }
    if (nearest >= outlierSimilarity) return undefined;
    return (
      `the face does not look like ${known?.name} (similarity ${show(nearest)}, ` +
      `at least ${outlierSimilarity}): is it somebody else?`
    );
  }

  #warning(identity: Identity, other: Candidate | undefined): string | undefined {
    if (other === undefined || other.similarity < this.config.gallery.riskSimilarity) {
      return undefined;
    }
    return (
      `${identity.name} looks like ${other.identity.name} (similarity ${show(other.similarity)}): ` +
      'check that they are two people; they are told apart with a higher threshold'
    );
  }

  /** The gallery of a family, read once for all photos of the batch. */
  #indexOf(family: string): GalleryIndex {
    const present = this.#indexes.get(family);
    if (present !== undefined) return present;
    const index = new GalleryIndex();
    index.load(this.store.templates(family));
    this.#indexes.set(family, index);
    return index;
  }
}

function refuse(reason: string): EnrolmentResult {
  return { kind: 'refused', reason };
}
