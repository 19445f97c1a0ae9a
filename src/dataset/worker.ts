import { FaceEvalError, messageOf } from '../domain/errors.js';
import { DecoderWarnings } from './decoder-warnings.js';
import type { WorkerAnswer, WorkerOrder } from './worker-messages.js';

/** Most characters of why an image was refused. */
const MAX_REASON = 160;

/** What a worker does with a batch. */
export type BatchWork<Item, Result> = (items: readonly Item[]) => Promise<readonly Result[]>;

/**
 * Makes this process a worker of a {@link runPool}: sets up once, then works on batches in the
 * order in which they come. It ends when its parent does.
 *
 * @param open Loads the models. What it throws ends the pool with that error, and so does a
 *   FaceEvalError of a batch; any other error is held against an item of the batch.
 */
export function serveBatches<Setup, Item, Result>(
  open: (setup: Setup, warnings: DecoderWarnings) => Promise<BatchWork<Item, Result>>,
): void {
  const answer = (message: WorkerAnswer<Result>) => process.send?.(message);
  let work: Promise<BatchWork<Item, Result>> | undefined;
  let queue: Promise<void> = Promise.resolve();
  const fail = (error: unknown) => {
    const known = error instanceof FaceEvalError ? error : undefined;
    answer({
      kind: 'failed',
      code: known?.code ?? 'VISION',
      message: messageOf(error),
      ...(known?.hint !== undefined && { hint: known.hint }),
    });
  };
  process.on('message', (order: WorkerOrder<Setup, Item>) => {
    if (order.kind === 'setup') {
      work = open(order.setup, new DecoderWarnings(order.warningsPath));
      work.then(() => answer({ kind: 'ready' }), fail);
      return;
    }
    const { id, items } = order;
    queue = queue.then(async () => {
      try {
        if (work === undefined) throw new Error('a batch came before the set-up');
        answer({ kind: 'done', id, results: await (await work)(items) });
      } catch (error) {
        // What we raise ourselves is about models or the disk, and the next batch would fail too.
        if (error instanceof FaceEvalError) fail(error);
        else answer({ kind: 'refused', id, reason: firstLine(messageOf(error)) });
      }
    });
  });
  process.once('disconnect', () => process.exit(1));
  // Ctrl-C reaches the whole group of processes; the parent decides what becomes of a batch.
  process.on('SIGINT', () => {});
}

/** OpenCV tells whole declarations; the beginning says what happened. */
function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, MAX_REASON);
}
