import cliProgress from 'cli-progress';

let running: cliProgress.SingleBar | undefined;

/**
 * A progress bar on standard error; nothing where that is no terminal. {@link endProgress} takes it
 * away when the work fails or is stopped.
 */
export function startProgress(what: string, total: number): (done: number) => void {
  if (!process.stderr.isTTY || total < 2) return () => {};
  const bar = new cliProgress.SingleBar(
    {
      format: `${what} {bar} {value}/{total} {eta_formatted}`,
      stream: process.stderr,
      clearOnComplete: true,
      // Neither hides the cursor nor changes the wrapping: Ctrl-C would leave the terminal so.
      hideCursor: false,
      linewrap: true,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0);
  running = bar;
  return (done) => {
    bar.update(done);
    if (done >= total) bar.stop();
  };
}

/** Takes away a bar whose work did not come to its end: its timer would keep the program alive. */
export function endProgress(): void {
  running?.stop();
}
