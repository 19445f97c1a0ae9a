/** Writes a line for people, or a result, to standard output. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Writes a note or progress to standard error, so that results can be piped on. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Writes the one JSON document that `--json` promises. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** `faceeval … | head` closes the pipe early: that ends the program, it is not an error. */
export function endQuietlyOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}
