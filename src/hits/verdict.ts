import type { Config } from '../config/schema.js';
import type { Identity, Match, Verdict } from '../domain/records.js';
import type { Candidate } from '../gallery/gallery-index.js';

/** The evidence of a track that a verdict rests on. */
export interface Evidence {
  /** Nearest identities of the track's template, best first. */
  readonly candidates: readonly Candidate[];
  /** Good shots so far. */
  readonly shots: number;
  /** Who the track was last said to be. */
  readonly before: Identity | null;
}

/** The threshold that holds for an identity. */
export type ThresholdOf = (identityId: string | null) => number;

/**
 * Says who a track is. A name needs a similarity over the identity's threshold, a lead over the
 * second identity, and enough shots or one that is beyond doubt. It is kept while the similarity
 * stays near the threshold and nobody else leads, so that it does not flicker. Unknown is said
 * after enough good shots that match nobody. Everything else is undecided, which is never reported.
 */
export function judge(
  { candidates, shots, before }: Evidence,
  thresholdOf: ThresholdOf,
  rules: Config['hits'],
): Verdict {
  const [top] = candidates;
  const match = matchOf(top, candidates, thresholdOf);
  const named = top !== undefined && match.similarity >= match.threshold;
  const ahead = match.similarity - match.runnerUp >= rules.margin;
  const kept = candidates.find(({ identity }) => identity.id === before?.id);
  const overtaken = named && ahead && top !== kept;
  if (kept !== undefined && !overtaken) {
    const own = matchOf(kept, candidates, thresholdOf);
    if (own.similarity >= own.threshold - rules.hysteresis) {
      return { kind: 'recognised', identity: kept.identity, match: own };
    }
  }
  const sure = match.similarity >= match.threshold + rules.sureMargin;
  if (named && ahead && (sure || shots >= rules.shots)) {
    return { kind: 'recognised', identity: top.identity, match };
  }
  // Somebody who might be one of two look-alikes is not unknown.
  const nobody = match.similarity < Math.min(match.threshold, thresholdOf(null));
  if (nobody && shots >= rules.unknownShots) return { kind: 'unknown', match };
  return { kind: 'undecided', match };
}

/** How a candidate stands against all others. */
export function matchOf(
  candidate: Candidate | undefined,
  candidates: readonly Candidate[],
  thresholdOf: ThresholdOf,
): Match {
  const other = candidates.find(({ identity }) => identity.id !== candidate?.identity.id);
  return {
    identity: candidate?.identity ?? null,
    similarity: candidate?.similarity ?? -1,
    runnerUp: other?.similarity ?? -1,
    threshold: thresholdOf(candidate?.identity.id ?? null),
  };
}
