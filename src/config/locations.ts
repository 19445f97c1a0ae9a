import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { Config } from './schema.js';

/** The configuration of the service. */
export const SERVICE_FILE = '/etc/faceeval/faceeval.yaml';

/** Where the service keeps its state, as its unit says, too. */
export const SERVICE_STATE_DIR = '/var/lib/faceeval';

/** Sources that are no relative paths: URLs, devices and the CSI connector. */
const NO_FILE = /^([a-z][a-z0-9+.-]*:\/\/|file:|v4l2:|\/dev\/|csi(:\d+)?$)/i;

/**
 * Makes every path of the configuration absolute: `~` is the home folder, other relative paths
 * start at the folder of the configuration file.
 *
 * @param configFile The file, or null when the defaults are used: the working folder counts then.
 */
export function resolveLocations(config: Config, configFile: string | null): Config {
  const base = configFile === null ? process.cwd() : dirname(resolve(configFile));
  const absolute = (path: string): string => resolve(base, expandHome(path));
  const { mqtt, models, encryption } = config;
  return {
    ...config,
    stateDir: absolute(config.stateDir),
    cameras: config.cameras.map((camera) => ({
      ...camera,
      source: absoluteSource(camera.source, base),
    })),
    mqtt: {
      ...mqtt,
      ...(mqtt.usernameFile !== undefined && { usernameFile: absolute(mqtt.usernameFile) }),
      ...(mqtt.passwordFile !== undefined && { passwordFile: absolute(mqtt.passwordFile) }),
      ...(mqtt.caFile !== undefined && { caFile: absolute(mqtt.caFile) }),
      ...(mqtt.certFile !== undefined && { certFile: absolute(mqtt.certFile) }),
      ...(mqtt.keyFile !== undefined && { keyFile: absolute(mqtt.keyFile) }),
    },
    encryption: {
      ...encryption,
      ...(encryption.keyFile !== undefined && { keyFile: absolute(encryption.keyFile) }),
    },
    models: { ...models, ...(models.dir !== undefined && { dir: absolute(models.dir) }) },
  };
}

/** A source as it is, unless it is a path: that one starts at `base`, or at the home folder. */
export function absoluteSource(source: string, base: string): string {
  return NO_FILE.test(source) ? source : resolve(base, expandHome(source));
}

function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

/**
 * Reads the secrets that the configuration names files for.
 *
 * @throws FaceEvalError CONFIG when a file cannot be read or is empty.
 */
export function readSecrets(config: Config): Config {
  const { usernameFile, passwordFile } = config.mqtt;
  return {
    ...config,
    mqtt: {
      ...config.mqtt,
      ...(usernameFile !== undefined && { username: secretIn('usernameFile', usernameFile) }),
      ...(passwordFile !== undefined && { password: secretIn('passwordFile', passwordFile) }),
    },
  };
}

function secretIn(key: 'usernameFile' | 'passwordFile', path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new FaceEvalError('CONFIG', `mqtt.${key} cannot be read: ${messageOf(cause)}`, {
      hint: 'the user that faceeval runs as must be able to read it (mode 0400, same owner)',
      cause,
    });
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret !== '') return secret;
  const what = key === 'usernameFile' ? 'user' : 'password';
  throw new FaceEvalError('CONFIG', `mqtt.${key} ${path} is empty`, {
    hint: `write the ${what} into it, as its only line`,
  });
}
