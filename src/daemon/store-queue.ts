import { setTimeout } from 'node:timers/promises';
import { FaceEvalError } from '../domain/errors.js';
import { COPIES_LOCK, lockFolder } from './folder-lock.js';

const TRY_MS = 100;
/** To write a large database anew takes a minute on a slow card. */
const PATIENCE_MS = 180_000;

/** The last work of each state folder; it never rejects. */
const last = new Map<string, Promise<unknown>>();

/**
 * Runs what makes or deletes copies of a database one after the other, also where a command and the
 * daemon want to: a backup that is being made must not be deleted by somebody who is forgotten
 * meanwhile, nor hold them when it is done. Work that waits for its turn must not wait for another
 * turn inside.
 *
 * @throws FaceEvalError STORE when another process does not end its turn.
 */
export function inTurn<T>(stateDir: string, work: () => Promise<T>): Promise<T> {
  const done = (last.get(stateDir) ?? Promise.resolve()).then(async () =>
    holding(await waitForLock(stateDir), work),
  );
  const settled = done.catch(() => undefined);
  last.set(stateDir, settled);
  void settled.then(() => {
    if (last.get(stateDir) === settled) last.delete(stateDir);
  });
  return done;
}

/** As {@link inTurn}, unless it is somebody else's turn: then nothing is done. */
export async function ifMyTurn(stateDir: string, work: () => Promise<void>): Promise<void> {
  const unlock = lockFolder(stateDir, COPIES_LOCK);
  if (unlock !== undefined) await holding(unlock, work);
}

/** Works, and gives the lock back however that ends. */
async function holding<T>(unlock: () => void, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    unlock();
  }
}

async function waitForLock(stateDir: string): Promise<() => void> {
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const unlock = lockFolder(stateDir, COPIES_LOCK);
    if (unlock !== undefined) return unlock;
    if (performance.now() > untilMs) {
      throw new FaceEvalError('STORE', `another faceeval is busy with the copies in ${stateDir}`, {
        hint: `wait for it, or see which one with \`fuser ${COPIES_LOCK}\``,
      });
    }
    await setTimeout(TRY_MS);
  }
}
