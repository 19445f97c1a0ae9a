import { cosine } from '../gallery/cosine.js';
import { TemplateMatrix } from '../gallery/template-matrix.js';
import { findCentre, type IdentityCentre, similarityToOthers } from './identity-centre.js';
import { byIdentity, UNLABELLED } from './set-listing.js';

/** Cosines of two different people, by the share of such pairs that reaches them. */
export interface FalseAcceptCosines {
  readonly 0.01: number;
  readonly 0.001: number;
  readonly 0.0001: number;
}

/** An image with a name. */
export interface LabelledTemplate {
  readonly path: string;
  readonly identity: string;
  readonly template: Float32Array;
}

/** An image that shows somebody else, as it seems. */
export interface WrongLabel {
  readonly path: string;
  /** Cosine to the centre of the identity's other images. */
  readonly own: number;
  /** Whom it shows instead, when that can be said. */
  readonly looksLike?: { readonly identity: string; readonly similarity: number };
}

/** What the templates say of the labels. */
export interface LabelCheck {
  readonly wrong: readonly WrongLabel[];
  /** Identities in which no majority agrees: which images are right cannot be said. */
  readonly mixed: readonly {
    readonly identity: string;
    readonly agreeing: number;
    readonly of: number;
  }[];
  /** Identities that may be one person. */
  readonly alike: readonly {
    readonly first: string;
    readonly second: string;
    readonly similarity: number;
  }[];
}

/** Images of the identity, besides the one in question, that must agree before it is called odd. */
const MIN_WITNESSES = 2;
/** Above this many identities, each with each would take longer than all the rest. */
const MAX_IDENTITIES_COMPARED = 20_000;
/**
 * Below this share of the cosine that one in a hundred pairs of strangers reaches, an image is
 * called wrong though it looks like nobody else: docs/data.md has what it finds and what it costs.
 */
const ODD_SHARE = 0.8;
/**
 * Growth of the cosine from one tenth of the false-accept rate to the next, as a share of the
 * growth before: the tail of different people's cosines falls faster and faster.
 */
const TAIL = 0.8;

interface Group {
  readonly identity: string;
  readonly images: readonly LabelledTemplate[];
  readonly templates: readonly Float32Array[];
  readonly centre: IdentityCentre;
}

/**
 * Finds images that do not show whom their folder names. Two rules on the cosine to the centre of
 * the identity's other images:
 *
 * - It is below that of one in a hundred pairs of strangers, and the image matches another identity
 *   so well as a stranger would in one of a thousand images, given how many identities there are.
 * - It is below `oddBelow`, and two others at least, and a majority, agree with each other.
 *
 * @param oddBelow 0.8 of the cosine of the first rule when absent.
 */
export function checkLabels(
  images: readonly LabelledTemplate[],
  cosines: FalseAcceptCosines,
  oddBelow = ODD_SHARE * cosines[0.01],
): LabelCheck {
  const groups = [...byIdentity(images)]
    .filter(([identity]) => identity !== UNLABELLED)
    .map(([identity, members]) => groupOf(identity, members, cosines[0.01]));
  const centres = centresOf(groups);
  const sure = sureCosine(groups.length, cosines);
  const wrong: WrongLabel[] = [];
  const mixed: { identity: string; agreeing: number; of: number }[] = [];
  for (const [index, group] of groups.entries()) {
    const { agreeing } = group.centre;
    const isMajority = agreeing.size * 2 > group.images.length;
    const found = wrongOf(group, { elsewhere: cosines[0.01], odd: oddBelow }, (template) =>
      nearestOther(centres, template, index, groups, sure),
    );
    wrong.push(...found);
    const left = group.images.length - found.length;
    if (left > 1 && (!isMajority || agreeing.size < 2)) {
      mixed.push({ identity: group.identity, agreeing: agreeing.size, of: group.images.length });
    }
  }
  // Centres of many images lie nearer to each other than single images do.
  const alike = Math.max(sure, cosines[0.0001] + 2 * (cosines[0.0001] - cosines[0.001]));
  return { wrong, mixed, alike: alikeOf(groups, centres, alike) };
}

/** Cosine that a stranger reaches with any of so many identities in one of a thousand images. */
export function sureCosine(identities: number, cosines: FalseAcceptCosines): number {
  const decades = Math.max(0, Math.log10(identities / 10));
  return cosines[0.0001] + TAIL * (cosines[0.0001] - cosines[0.001]) * decades;
}

function groupOf(identity: string, images: readonly LabelledTemplate[], minCosine: number): Group {
  const templates = images.map(({ template }) => template);
  return { identity, images, templates, centre: findCentre(templates, minCosine) };
}

function wrongOf(
  { images, templates, centre }: Group,
  below: { readonly elsewhere: number; readonly odd: number },
  findOther: (template: Float32Array) => WrongLabel['looksLike'],
): WrongLabel[] {
  const found: WrongLabel[] = [];
  const isMajority = centre.agreeing.size * 2 > images.length;
  for (const [place, { path, template }] of images.entries()) {
    const own = ownSimilarity(templates, centre, place);
    if (own === undefined || own >= Math.max(below.elsewhere, below.odd)) continue;
    const witnesses = centre.agreeing.size - (centre.agreeing.has(place) ? 1 : 0);
    const looksLike = own < below.elsewhere ? findOther(template) : undefined;
    if (looksLike !== undefined) found.push({ path, own, looksLike });
    else if (own < below.odd && isMajority && witnesses >= MIN_WITNESSES) found.push({ path, own });
  }
  return found;
}

/** Two images that disagree have no centre: each is compared with the other. */
function ownSimilarity(
  templates: readonly Float32Array[],
  centre: IdentityCentre,
  place: number,
): number | undefined {
  const [first, second, third] = templates;
  if (first !== undefined && second !== undefined && third === undefined) {
    return cosine(first, second);
  }
  return first && similarityToOthers(templates[place] ?? first, centre, place);
}

function centresOf(groups: readonly Group[]): TemplateMatrix | undefined {
  const [first] = groups;
  if (first === undefined) return undefined;
  const centres = new TemplateMatrix(first.centre.vector.length);
  for (const { centre } of groups) centres.append(centre.vector);
  return centres;
}

function nearestOther(
  centres: TemplateMatrix | undefined,
  template: Float32Array,
  own: number,
  groups: readonly Group[],
  sure: number,
): WrongLabel['looksLike'] {
  let nearest = -1;
  let similarity = sure;
  centres?.scan(template, (similarities, first) => {
    for (const [offset, value] of similarities.entries()) {
      if (value < similarity || first + offset === own) continue;
      similarity = value;
      nearest = first + offset;
    }
  });
  const identity = groups[nearest]?.identity;
  return identity === undefined ? undefined : { identity, similarity };
}

function alikeOf(
  groups: readonly Group[],
  centres: TemplateMatrix | undefined,
  sure: number,
): LabelCheck['alike'] {
  if (groups.length > MAX_IDENTITIES_COMPARED) return [];
  const alike: { first: string; second: string; similarity: number }[] = [];
  for (const [index, { identity, centre }] of groups.entries()) {
    centres?.scan(centre.vector, (similarities, first) => {
      for (const [offset, similarity] of similarities.entries()) {
        const other = groups[first + offset];
        if (first + offset <= index || similarity < sure || other === undefined) continue;
        alike.push({ first: identity, second: other.identity, similarity });
      }
    });
  }
  return alike.sort((a, b) => b.similarity - a.similarity);
}
