import cliProgress from 'cli-progress';

/** A progress bar on standard error; nothing where that is no terminal. */
export function startProgress(what: string, total: number): (done: number) => void {
  if (!process.stderr.isTTY || total < 2) return () => {};
  const bar = new cliProgress.SingleBar(
    {
      format: `${what} {bar} {value}/{total} {eta_formatted}`,
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0);
  return (done) => {
    bar.update(done);
    if (done >= total) bar.stop();
  };
}
