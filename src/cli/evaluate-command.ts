import { readFile } from 'node:fs/promises';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { evaluateLfw, type LfwResult } from '../evaluate/lfw.js';
import { parseLfwPairs } from '../evaluate/lfw-pairs.js';
import { drawRoc } from '../evaluate/roc-chart.js';
import { defineCommand } from './command.js';
import { openLocalAnalysis } from './local-analysis.js';
import { print, printJson } from './output.js';
import { startProgress } from './progress.js';
import { requireTarget, writeTarget } from './target-file.js';

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .positional('protocol', { choices: ['lfw'] as const, demandOption: true })
      .option('images', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'Folder of the images, <Name>/<Name>_0001.jpg',
      })
      .option('pairs', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'pairs.txt of LFW view 2',
      })
      .option('build', {
        type: 'string',
        requiresArg: true,
        describe: 'Recogniser build; chosen when absent',
      })
      .option('detector', {
        type: 'string',
        requiresArg: true,
        describe: 'Detector build; chosen when absent',
      })
      .option('flip', {
        type: 'boolean',
        default: false,
        describe: 'Add the template of the mirrored face',
      })
      .option('crops', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder that takes the aligned faces as PNG, for the training kit to judge',
      })
      .option('roc', {
        type: 'string',
        default: 'roc.svg',
        requiresArg: true,
        describe: 'Where the ROC picture goes',
      })
      .example('$0 evaluate lfw --images lfw --pairs pairs.txt', '10-fold accuracy on LFW'),
  run: async ({
    config: path,
    json,
    images,
    pairs: pairsPath,
    build,
    detector,
    flip,
    crops,
    roc,
  }) => {
    requireTarget('roc', roc);
    const pairs = parseLfwPairs(await readPairs(pairsPath));
    const analysis = await openLocalAnalysis(path, (config) => ({
      ...config,
      detector: { ...config.detector, build: detector ?? config.detector.build },
      recogniser: { ...config.recogniser, build: build ?? config.recogniser.build },
    }));
    const { engine } = analysis;
    let progress: ((done: number) => void) | undefined;
    const result = await evaluateLfw({
      detector: engine.detector,
      recogniser: engine.recogniser,
      imagesDir: images,
      pairs,
      flip,
      cropsDir: crops,
      onProgress: (done, total) => {
        progress ??= startProgress('images', total);
        progress(done);
      },
    });
    await analysis.release();
    // The result first: the work of an hour must not be lost with a picture of it.
    if (json) printJson(jsonOf(engine.build, result));
    else print(describe(engine.build, result));
    await writeTarget(
      roc,
      await drawRoc('LFW view 2', [{ name: engine.build, curve: result.curve }]),
    );
    if (!json) print(`ROC: ${roc}`);
    return 0;
  },
});

async function readPairs(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new FaceEvalError('USAGE', `cannot read the pairs: ${messageOf(cause)}`, {
      hint: '--pairs names the pairs.txt of LFW view 2',
      cause,
    });
  }
}

function jsonOf(build: string, result: LfwResult): object {
  const { images, detected, pairs, accuracy, accuracyStd, threshold, eer, detectMs, seconds } =
    result;
  return {
    build,
    images,
    detected,
    pairs,
    accuracy,
    accuracyStd,
    threshold,
    eer,
    tarAtFar: mapRates(result, ({ tar }) => tar),
    thresholdAtFar: mapRates(result, (point) => point.threshold),
    detectMs,
    seconds,
  };
}

function mapRates<T>(
  { tarAtFar }: LfwResult,
  pick: (point: LfwResult['tarAtFar']['0.01']) => T,
): Record<string, T> {
  return Object.fromEntries(Object.entries(tarAtFar).map(([far, point]) => [far, pick(point)]));
}

const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;

function describe(build: string, result: LfwResult): string {
  const { images, detected, pairs, accuracy, accuracyStd, threshold, eer, seconds } = result;
  const rates = Object.entries(result.tarAtFar).map(
    ([far, point]) =>
      `TAR at FAR ${far}: ${percent(point.tar)} (cosine ${point.threshold.toFixed(4)})`,
  );
  return [
    `build ${build}: ${pairs} pairs of ${images} images in ${seconds.toFixed(0)} s`,
    `face found in ${detected} images (${percent(detected / images)})`,
    `accuracy ${percent(accuracy)} ± ${percent(accuracyStd)} at cosine ${threshold.toFixed(4)}`,
    ...rates,
    `equal error rate ${percent(eer)}`,
    `detector: median ${result.detectMs.p50.toFixed(1)} ms, p90 ${result.detectMs.p90.toFixed(1)} ms an image`,
  ].join('\n');
}
