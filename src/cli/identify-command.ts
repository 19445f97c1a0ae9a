import { openDatabase } from '../daemon/database.js';
import { Gallery } from '../gallery/gallery.js';
import { StillIdentifier } from '../hits/still-identifier.js';
import { thresholdAtFar } from '../models/manifest.js';
import type { AnalysedFace } from '../vision/messages.js';
import { defineCommand } from './command.js';
import { openLocalAnalysis } from './local-analysis.js';
import { note, print, printJson } from './output.js';

/** Exit code when an image could not be read. */
const EXIT_UNREADABLE = 1;

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('images', { type: 'string', array: true, demandOption: true })
      .example('$0 identify party.jpg', 'who is on the picture'),
  run: async ({ config: path, json, images }) => {
    const analysis = await openLocalAnalysis(path);
    const { config, engine } = analysis;
    const { db, repair } = await openDatabase(config.stateDir, config.encryption);
    if (repair !== undefined) note(repair);
    try {
      const threshold = thresholdAtFar(engine.build, config);
      const gallery = new Gallery({ db, config, family: engine.family, threshold });
      const identifier = new StillIdentifier(gallery, config.hits);
      const identify = ({ box, score, quality, template }: AnalysedFace) => {
        const { kind, match } = identifier.identify(template);
        return { verdict: kind, match, box, score, quality };
      };
      const results = [];
      for (const image of images) {
        const found = await analysis.analyse(image);
        results.push(
          found.ok
            ? { image, faces: found.faces.map(identify) }
            : { image, error: found.error, faces: [] },
        );
      }
      if (json) printJson(results);
      else for (const result of results) print(describe(result));
      return results.some((result) => 'error' in result) ? EXIT_UNREADABLE : 0;
    } finally {
      db.close();
      await analysis.release();
    }
  },
});

interface ImageResult {
  readonly image: string;
  readonly error?: string;
  readonly faces: readonly {
    readonly verdict: string;
    readonly match: {
      identity: { name: string } | null;
      similarity: number;
      threshold: number;
    } | null;
    readonly box: { x: number; y: number };
  }[];
}

function describe({ image, error, faces }: ImageResult): string {
  if (error !== undefined) return `${image}: ${error}`;
  if (faces.length === 0) return `${image}: no face`;
  const lines = faces.map(({ verdict, match, box }) => {
    const who = verdict === 'recognised' ? match?.identity?.name : verdict;
    const near =
      match?.identity == null
        ? ''
        : ` (nearest ${match.identity.name}: ${match.similarity.toFixed(2)}, needed ${match.threshold.toFixed(2)})`;
    return `  ${who} at ${Math.round(box.x)},${Math.round(box.y)}${near}`;
  });
  return [`${image}:`, ...lines].join('\n');
}
