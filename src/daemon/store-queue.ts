/** The last work of each state folder; it never rejects. */
const last = new Map<string, Promise<unknown>>();

/**
 * Runs what makes or deletes copies of a database one after the other: a backup that is being made
 * must not be deleted by somebody who is forgotten meanwhile, nor hold them when it is done. Work
 * that waits for its turn must not wait for another turn inside.
 */
export function inTurn<T>(stateDir: string, work: () => Promise<T>): Promise<T> {
  const done = (last.get(stateDir) ?? Promise.resolve()).then(work);
  const settled = done.catch(() => undefined);
  last.set(stateDir, settled);
  void settled.then(() => {
    if (last.get(stateDir) === settled) last.delete(stateDir);
  });
  return done;
}
