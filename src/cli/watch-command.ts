import { setTimeout as delay } from 'node:timers/promises';
import { ulid } from 'ulid';
import { loadConfig } from '../config/load.js';
import { ControlClient } from '../control/control-client.js';
import type { FeedLine } from '../control/hit-feed.js';
import { FaceEvalError } from '../domain/errors.js';
import { defineCommand } from './command.js';
import { counted } from './counted.js';
import { hitLine } from './hit-line.js';
import { note, print } from './output.js';

const RETRY_MS = 1_000;
const MAX_RETRY_MS = 10_000;

export const command = defineCommand({
  declare: (yargs) =>
    yargs
      .option('last', {
        type: 'number',
        default: 0,
        requiresArg: true,
        describe: 'Begin with so many hits of before',
      })
      .option('camera', { type: 'string', requiresArg: true, describe: 'Only hits of this camera' })
      .example('$0 watch', 'hits as they come, until Ctrl-C')
      .example('$0 watch --last 10', 'the last ten, then what comes')
      .example('$0 watch --json', 'one JSON object a line, for other programs')
      .epilogue(
        'A daemon that ends is waited for, and what was missed meanwhile is caught up. ' +
          'Exit code 3 when none runs at the start.',
      ),
  run: async ({ config: path, json, last, camera }) => {
    if (!Number.isInteger(last) || last < 0 || last > 1_000) {
      throw new FaceEvalError('USAGE', `--last must be a whole number from 0 to 1000`);
    }
    const { config } = loadConfig({ path });
    const stop = new AbortController();
    process.once('SIGINT', () => stop.abort());
    process.once('SIGTERM', () => stop.abort());
    const show = (line: FeedLine) => {
      if ('hit' in line && camera !== undefined && line.hit.camera !== camera) return;
      if (json) print(JSON.stringify('hit' in line ? line.hit : line));
      else if ('hit' in line) print(hitLine(line.hit));
      else
        note(`left out, as they came faster than they were read: ${counted(line.dropped, 'hit')}`);
    };
    await follow(new ControlClient(config.stateDir), last, stop.signal, show);
    return 0;
  },
});

/** Until the signal comes; over ends of the daemon, without losing or repeating a hit. */
async function follow(
  client: ControlClient,
  last: number,
  signal: AbortSignal,
  show: (line: FeedLine) => void,
): Promise<void> {
  let after: string | undefined;
  let afterIfNone: string | undefined;
  let connectedOnce = false;
  let retryMs = RETRY_MS;
  while (!signal.aborted) {
    try {
      const onOpen = () => {
        if (connectedOnce) note('the daemon is back');
        connectedOnce = true;
        retryMs = RETRY_MS;
        // As if a hit of this moment had been seen: what comes while nobody listens is asked for.
        afterIfNone ??= ulid();
      };
      for await (const line of client.hits({ last, after: after ?? afterIfNone, signal, onOpen })) {
        show(line);
        if ('hit' in line) after = line.hit.id;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!connectedOnce) throw error;
    }
    if (signal.aborted) return;
    if (retryMs === RETRY_MS) note('the daemon is gone: waiting for it');
    await delay(retryMs, undefined, { signal }).catch(() => undefined);
    retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
  }
}
