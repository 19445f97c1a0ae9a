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
 * second identity, and enough shots or one that is beyond doubt; it is kept while the similarity
 * stays near the threshold, so that it does not flicker. Unknown is said after enough good shots
 * that match nobody. Everything else is undecided, which is never reported.
 */
export function judge(
  { candidates, shots, before }: Evidence,
  thresholdOf: ThresholdOf,
  rules: Config['hits'],
): Verdict {
  const [top, second] = candidates;
  const match: Match = {
    identity: top?.identity ?? null,
    similarity: top?.similarity ?? -1,
    runnerUp: second?.similarity ?? -1,
    threshold: thresholdOf(top?.identity.id ?? null),
  };
  if (before !== null) {
    const own = candidates.find(({ identity }) => identity.id === before.id);
    if (own !== undefined && own.similarity >= thresholdOf(before.id) - rules.hysteresis) {
      const other = candidates.find(({ identity }) => identity.id !== before.id);
      const kept: Match = {
        identity: own.identity,
        similarity: own.similarity,
        runnerUp: other?.similarity ?? -1,
        threshold: thresholdOf(before.id),
      };
      return { kind: 'recognised', identity: own.identity, match: kept };
    }
  }
  const named = top !== undefined && match.similarity >= match.threshold;
  const ahead = match.similarity - match.runnerUp >= rules.margin;
  const sure = match.similarity >= match.threshold + rules.sureMargin;
  if (named && ahead && (sure || shots >= rules.shots)) {
    return { kind: 'recognised', identity: top.identity, match };
  }
  if (!named && shots >= rules.unknownShots) return { kind: 'unknown', match };
  return { kind: 'undecided', match };
}
