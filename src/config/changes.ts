import { isDeepStrictEqual } from 'node:util';
import type { Config } from './schema.js';

/** What a new configuration changes, by the names of its keys, and when each takes effect. */
export interface ConfigChanges {
  /** At once. */
  readonly live: readonly string[];
  /** When the vision process has been started again, which takes some seconds. */
  readonly vision: readonly string[];
  /** Not before the daemon is started again. */
  readonly restart: readonly string[];
}

/** Sections and keys that are fixed while the daemon runs: connections, ports, folders, ids. */
const FIXED = ['node', 'stateDir', 'mqtt', 'homeAssistant', 'http', 'log.pretty', 'encryption'];
/** Sections and keys that the vision process was started with. */
const VISION = [
  ...['cameras', 'detector', 'liveness', 'quality', 'motion', 'tracking', 'models'],
  ...['recogniser.build', 'recogniser.maxBatch', 'gallery.keepCrops'],
];

/** Compares two configurations, key by key. */
export function configChanges(before: Config, after: Config): ConfigChanges {
  const changed = changedKeys(byCamera(before), byCamera(after));
  const under = (sections: readonly string[]) => (key: string) =>
    sections.some((section) => key === section || key.startsWith(`${section}.`));
  const restart = changed.filter(under(FIXED));
  const vision = changed.filter(under(VISION));
  const live = changed.filter((key) => !restart.includes(key) && !vision.includes(key));
  return { live, vision, restart };
}

/** The new configuration, with the old values of what is fixed while the daemon runs. */
export function withFixedOf(before: Config, after: Config): Config {
  const merged: Record<string, unknown> = { ...after };
  for (const path of FIXED) {
    const [section = '', key] = path.split('.');
    const old = (before as Readonly<Record<string, unknown>>)[section];
    if (key === undefined) merged[section] = old;
    else merged[section] = { ...(merged[section] as object), [key]: (old as never)[key] };
  }
  return merged as Config;
}

/** Cameras are told apart by their ids: one that is added does not change all that follow. */
function byCamera({ cameras, ...rest }: Config): object {
  return { ...rest, cameras: Object.fromEntries(cameras.map((camera) => [camera.id, camera])) };
}

function changedKeys(before: unknown, after: unknown, path: readonly string[] = []): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isSection(before) || !isSection(after)) return [path.join('.')];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => changedKeys(before[key], after[key], [...path, key]));
}

function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
