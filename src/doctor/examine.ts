import type { Config } from '../config/schema.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { BuildOpener } from '../models/open-build.js';
import { checkBroker } from './broker-check.js';
import { checkCameras } from './camera-checks.js';
import { checkEncryption } from './encryption-check.js';
import { type Finding, problem, warning } from './finding.js';
import { checkModels, describeDevice } from './model-checks.js';
import { checkState } from './state-checks.js';
import { checkSystem } from './system-checks.js';

/** Everything that was found, and the builds for whoever wants to measure them. */
export interface Examination {
  readonly findings: readonly Finding[];
  /** Null when models cannot be used at all. */
  readonly opener: BuildOpener | null;
}

/** Looks at everything that faceeval needs to work with this configuration. */
export async function examine(config: Config): Promise<Examination> {
  const findings: Finding[] = [...(await checkSystem())];
  let opener: BuildOpener | null = null;
  try {
    const notes: string[] = [];
    opener = await BuildOpener.create(config, { onFallback: (what) => notes.push(what) });
    findings.push(...describeDevice(opener.device));
    findings.push(...notes.map((note) => warning('models', note, 'see the findings on state')));
    findings.push(...(await checkModels(opener, config)));
  } catch (error) {
    const hint = error instanceof FaceEvalError ? error.hint : undefined;
    findings.push(problem('models', messageOf(error), hint ?? 'install faceeval again'));
  }
  findings.push(...checkState(config.stateDir), ...checkEncryption(config));
  findings.push(...(await checkCameras(config.cameras, (opener?.device.l4t ?? null) !== null)));
  findings.push(...(await checkBroker(config.mqtt, config.stateDir)));
  return { findings, opener };
}
