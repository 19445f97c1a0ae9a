import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadManifest } from '../../src/models/manifest.js';

const SCRIPT = readFileSync(join(import.meta.dirname, '../../packaging/install-program'), 'utf8');

/** Folders below models/ that a package of this architecture gets. */
function packagedFolders(architecture: string): string[] {
  const choice = /^case "\$2" in$.*?^esac$/ms.exec(SCRIPT)?.[0] ?? '';
  const program = `${choice}\nprintf '%s\\n' "\${model_folders[@]}"`;
  const args = ['-euc', program, 'install-program', 'root', architecture];
  return execFileSync('bash', args, { encoding: 'utf8' }).trim().split('\n');
}

const isX86 = (place: string): boolean => place.startsWith('x86');

describe('the models in a package', () => {
  it.each([
    ['amd64', isX86],
    ['arm64', (place: string) => !isX86(place)],
  ])('for %s hold every trained build that is preferred there or anywhere', (arch, isHere) => {
    const folders = packagedFolders(arch);
    const expected = loadManifest().builds.filter(
      ({ weights, preferredOn, precision, family }) =>
        weights === 'trained' &&
        (preferredOn.length === 0 || preferredOn.some(isHere)) &&
        // FP16 needs a GPU library, which is not in it; ResNet is for checkouts.
        precision !== 'fp16' &&
        !family.startsWith('resnet'),
    );
    expect(expected.length).toBeGreaterThan(0);
    const left = expected
      .flatMap(({ files }) => files)
      .filter(({ path }) => !folders.includes(dirname(path)))
      .map(({ path }) => path);
    expect(left).toEqual([]);
  });
});
