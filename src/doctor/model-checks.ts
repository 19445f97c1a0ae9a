import type { Config } from '../config/schema.js';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import type { Device } from '../models/device.js';
import { missingFiles, type Role, thresholdAtFar, verifyBuild } from '../models/manifest.js';
import type { BuildOpener } from '../models/open-build.js';
import { type Finding, ok, problem, warning } from './finding.js';

/** Says what the board is and what ONNX Runtime can use on it. */
export function describeDevice(device: Device): readonly Finding[] {
  const memory = `${(device.memoryBytes / 1024 ** 3).toFixed(1)} GiB`;
  const int8 = device.int8Instruction ?? 'no 8-bit instruction';
  const findings = [
    ok('device', `${device.name} (${device.board})`),
    ok('device', `${device.cpu}, ${device.cores} cores, ${memory}, ${int8}`),
    ok('device', `providers: ${device.providers.join(' → ')}`),
  ];
  if (device.gpu !== null && device.providers.length === 1) {
    const text = `${device.gpu.name}: ONNX Runtime has no provider for it here, so the CPU computes`;
    findings.push(warning('device', text, 'docs/jetson.md: a build of it with TensorRT'));
  }
  return findings;
}

/** Checks every model file, and says which builds would be used, why, and whether they can be. */
export async function checkModels(
  opener: BuildOpener,
  config: Pick<Config, 'liveness' | 'models' | 'recogniser'>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const build of opener.manifest.builds) {
    if (missingFiles(opener.manifest, build).length > 0) continue;
    try {
      await verifyBuild(opener.manifest, build);
    } catch (error) {
      const hint = error instanceof FaceEvalError ? error.hint : undefined;
      findings.push(problem('models', messageOf(error), hint ?? 'install faceeval again'));
    }
  }
  if (findings.length === 0) findings.push(ok('models', 'every installed model file is whole'));
  const roles: Role[] = ['detector', 'recogniser'];
  if (config.liveness.enabled) roles.push('liveness');
  return [...findings, ...roles.flatMap((role) => explainChoice(opener, role, config))];
}

function explainChoice(
  opener: BuildOpener,
  role: Role,
  config: Pick<Config, 'models' | 'recogniser'>,
): readonly Finding[] {
  const findings: Finding[] = [];
  try {
    const { candidates, rejected } = opener.rank(role);
    const [first] = candidates;
    if (first === undefined) return [];
    const how = `${first.providers.join(' → ')}, ${first.threads} threads`;
    findings.push(
      ok('models', `${role}: ${first.build.id} (${how}); ${first.reason}`),
      ...rejected.map(({ id, reason }) => ok('models', `${role}: not ${id}: ${reason}`)),
    );
    // Of a recogniser trained at home nobody has measured one: the daemon does not start with it.
    if (role === 'recogniser') thresholdAtFar(first.build.id, config);
  } catch (error) {
    const hint = error instanceof FaceEvalError ? error.hint : undefined;
    findings.push(problem('models', messageOf(error), hint ?? 'install faceeval again'));
  }
  return findings;
}
