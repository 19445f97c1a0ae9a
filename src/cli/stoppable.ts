import { note } from './output.js';
import { endProgress } from './progress.js';

/** Exit code of a program that Ctrl-C ended: 128 + SIGINT. */
const EXIT_STOPPED = 130;

/** The user stopped a command. */
class Stopped extends Error {
  override readonly name = 'Stopped';
}

/**
 * Runs work that Ctrl-C or SIGTERM stops in an orderly way. A second Ctrl-C ends the program at
 * once, which loses no more than what is being worked on.
 *
 * @param run Must throw the signal's reason when it is aborted.
 * @param said What the user is told then.
 * @returns Its exit code, or 130 when it was stopped.
 */
export async function stoppable(
  run: (signal: AbortSignal) => Promise<number>,
  said = 'stopped; the same command goes on from here',
): Promise<number> {
  const controller = new AbortController();
  const stop = () => controller.abort(new Stopped('stopped'));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    return await run(controller.signal);
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    endProgress();
    note(said);
    return EXIT_STOPPED;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
