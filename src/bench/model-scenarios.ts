import { FaceEvalError } from '../domain/errors.js';
import { goldenFaces } from '../models/golden-faces.js';
import { type Build, buildsOf, type Manifest, sizeBytesOf } from '../models/manifest.js';
import type { BenchContext, OpenScenario, Scenario } from './scenario.js';

/** Faces of one run: one at a time, and the batch of a busy frame. */
const BATCHES = [1, 8];

/** One row a recogniser build and batch size: the session alone, aligned faces in memory. */
export function modelScenarios(manifest: Manifest): Scenario[] {
  return buildsOf(manifest, 'recogniser').flatMap((build) =>
    BATCHES.map((batch): Scenario => {
      const seedKey = batch === 1 ? seedKeyOf(build) : undefined;
      return {
        id: `${build.id}/batch-${batch}`,
        model: build.family,
        build: build.id,
        quick: batch === 1,
        ...(seedKey === undefined ? {} : { seedKey }),
        open: (context) => openRecogniser(context, build, batch),
      };
    }),
  );
}

function seedKeyOf({ family, precision }: Build): string | undefined {
  if (!/resnet-?50/i.test(family)) return undefined;
  // The seed has no FP16 row: its GPU rows are FP32.
  return `resnet50-${precision === 'int8' ? 'int8' : 'fp32'}`;
}

async function openRecogniser(
  { opener }: BenchContext,
  build: Build,
  batch: number,
): Promise<OpenScenario> {
  const { candidates, rejected } = opener.rank('recogniser', true);
  const candidate = candidates.find((entry) => entry.build.id === build.id);
  if (candidate === undefined) {
    const reason = rejected.find(({ id }) => id === build.id)?.reason ?? 'it cannot run here';
    throw new FaceEvalError('MODEL', reason);
  }
  const opened = await opener.openCandidate(candidate);
  await opened.settled;
  const session = Object.values(opened.sessions)[0];
  const input = session?.inputs[0];
  if (session === undefined || input === undefined) {
    throw new FaceEvalError('MODEL', `the build ${build.id} has no net with an input`);
  }
  const sidePx = build.input.sidePx ?? 112;
  const feeds = {
    [input.name]: { data: goldenFaces(batch, sidePx), dims: [batch, sidePx, sidePx, 3] },
  };
  return {
    run: async () => {
      await session.run(feeds);
    },
    close: opened.release,
    precision: build.precision,
    provider: opened.provider,
    threads: candidate.threads,
    sizeBytes: sizeBytesOf(build),
    batch,
    ...(build.weights === 'untrained' ? { note: 'weights not trained: speed only' } : {}),
  };
}
