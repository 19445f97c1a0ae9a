import { loadConfig } from '../config/load.js';
import { Daemon } from '../daemon/daemon.js';
import { createLogger } from '../daemon/logger.js';
import { FaceEvalError } from '../domain/errors.js';
import { programVersion } from '../domain/version.js';

/** The whole daemon with a synthetic vision process: `node synthetic-daemon.js CONFIGURATION`. */
const { config } = loadConfig({ path: process.argv[2] });
const log = await createLogger(config.log);
process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, error.message);
  process.exit(error instanceof FaceEvalError ? error.exitCode : 70);
});
const daemon = new Daemon({
  ...{ config, log, mode: { fast: false }, version: programVersion() },
  visionScript: new URL('./synthetic-vision.js', import.meta.url),
});
process.once('SIGTERM', () => {
  daemon.stop().then(
    () => process.exit(0),
    (error: unknown) => {
      log.fatal({ err: error }, 'it does not stop');
      process.exit(70);
    },
  );
});
await daemon.start();
