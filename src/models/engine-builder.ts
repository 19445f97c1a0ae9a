import { messageOf } from '../domain/errors.js';
import { loadOrtSession } from './ort-session.js';
import type { EngineJob } from './tensorrt.js';

/**
 * The process that builds a TensorRT engine: it loads the model, runs it once at both ends of its
 * batch range so that every engine is written, and ends. Started by `startTensorRt` only.
 */
async function buildEngine({ modelPath, options, batch }: EngineJob): Promise<void> {
  const session = await loadOrtSession(modelPath, {
    providers: ['tensorrt'],
    threads: 1,
    spinning: 'never',
    tensorrt: options,
  });
  for (const count of [1, batch.max]) {
    const dims = [count, ...batch.shape];
    const data = new Uint8Array(dims.reduce((product, size) => product * size, 1));
    await session.run({ [batch.input]: { data, dims } });
  }
  await session.release();
}

process.once('message', (job) => {
  buildEngine(job as EngineJob).then(
    () => process.exit(0),
    (error) => {
      process.send?.(messageOf(error), () => process.exit(1));
    },
  );
});
process.once('disconnect', () => process.exit(1));
