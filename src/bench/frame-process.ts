import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { configSchema } from '../config/schema.js';
import { messageOf } from '../domain/errors.js';
import { Mtcnn } from '../faces/mtcnn.js';
import { opencv } from '../imaging/opencv.js';
import { BuildOpener } from '../models/open-build.js';
import { OUR_PARAMETERS, openDetectorBuild } from './detector-nets.js';
import type { FrameJob } from './frame-source.js';
import { composeFrame } from './frames.js';

/** Finds the heads of the sample photos: large, certain faces only. */
const SAMPLE_PARAMETERS = { ...OUR_PARAMETERS, minFacePx: 100 };

/** The process that composes one frame. Started by `FrameSource` only. */
async function compose({ faces, size, headPx, target, modelsDir }: FrameJob): Promise<void> {
  const settings = configSchema.parse({
    stateDir: dirname(target),
    models: modelsDir === null ? {} : { dir: modelsDir },
  });
  const { nets } = await openDetectorBuild(await BuildOpener.create(settings), null);
  const picture = await composeFrame(new Mtcnn(nets, SAMPLE_PARAMETERS), faces, size, headPx);
  await writeFile(target, opencv().imencode('.png', picture.bgr));
}

process.once('message', (job) => {
  compose(job as FrameJob).then(
    () => process.exit(0),
    (error) => {
      process.send?.(messageOf(error), () => process.exit(1));
    },
  );
});
process.once('disconnect', () => process.exit(1));
