import type { Config } from '../config/schema.js';
import type { Template, Verdict } from '../domain/records.js';
import type { Gallery } from '../gallery/gallery.js';
import { judge, matchOf } from './verdict.js';

/** Candidates that a verdict looks at. */
const CANDIDATES = 4;

/** Says who is on a still image: all the evidence there will be, so one good face decides. */
export class StillIdentifier {
  constructor(
    private readonly gallery: Gallery,
    private readonly rules: Config['hits'],
  ) {}

  identify(template: Template): Verdict {
    const candidates = this.gallery.search(template, CANDIDATES);
    const thresholdOf = (id: string | null) => this.gallery.thresholdOf(id);
    const verdict = judge(
      { candidates, shots: this.rules.unknownShots, before: null },
      thresholdOf,
      { ...this.rules, shots: 1 },
    );
    if (verdict.kind !== 'recognised' || !this.gallery.anchorOf(verdict.identity)) return verdict;
    const people = candidates.filter(({ identity }) => !this.gallery.anchorOf(identity));
    return { kind: 'unknown', match: matchOf(people[0], people, thresholdOf) };
  }
}
