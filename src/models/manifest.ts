import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { FaceEvalError, messageOf } from '../domain/errors.js';

const file = z.object({
  /** Part of the build: `pnet`, `rnet`, `onet`, or `net` where there is only one. */
  name: z.string(),
  /** Path under the folder of the manifest. */
  path: z.string().regex(/^(?!\/)(?!.*\.\.)/, 'a path under the folder of the manifest'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().positive(),
});

const input = z.looseObject({
  /** Side of the square input in pixels; absent where the size is free. */
  sidePx: z.number().int().positive().optional(),
});

const output = z.looseObject({
  /** Length of a template; absent where the role has none. */
  dimension: z.number().int().positive().optional(),
});

const build = z.looseObject({
  id: z.string().min(1),
  role: z.enum(['detector', 'recogniser', 'liveness']),
  /** Builds of one family give interchangeable results. */
  family: z.string().min(1),
  precision: z.enum(['fp32', 'fp16', 'int8', 'mixed']),
  files: z.array(file).min(1),
  source: z.string(),
  licence: z.string(),
  weights: z.enum(['trained', 'untrained']),
  input,
  output,
  /** Cosine at a false-accept rate ("0.01", "0.001", "0.0001"), measured; for recognisers. */
  thresholds: z.record(z.string(), z.unknown()).optional(),
  /** Boards that this build serves better than its brothers. */
  preferredOn: z.array(z.string()).default([]),
  measured: z.unknown().optional(),
});

const manifestSchema = z.looseObject({ builds: z.array(build).min(1) });

export type Build = z.output<typeof build>;
export type BuildFile = z.output<typeof file>;
export type Role = Build['role'];

/** The builds that a folder holds. */
export interface Manifest {
  /** Folder of manifest.json, absolute. */
  readonly folder: string;
  readonly builds: readonly Build[];
}

/** Folder of the models that come with the program. */
export function shippedModels(): string {
  return fileURLToPath(new URL('../../models', import.meta.url));
}

/**
 * @param folder Folder that holds manifest.json.
 * @throws FaceEvalError MODEL when it is missing or does not describe builds.
 */
export function loadManifest(folder: string = shippedModels()): Manifest {
  const path = join(folder, 'manifest.json');
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new FaceEvalError('MODEL', `cannot read ${path}: ${messageOf(cause)}`, {
      hint: 'models.dir must name the folder of manifest.json; leave it out for the shipped models',
      cause,
    });
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') ?? '';
    throw new FaceEvalError('MODEL', `${path}: ${where}: ${issue?.message ?? 'is damaged'}`, {
      hint: 'install faceeval again, or make the manifest anew with training/convert',
    });
  }
  const ids = parsed.data.builds.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) {
    throw new FaceEvalError('MODEL', `${path}: two builds have the id ${twice}`, {
      hint: 'give each build an id of its own',
    });
  }
  return { folder, builds: parsed.data.builds };
}

/** Builds of a role, in the manifest's order: the family listed first is the preferred one. */
export function buildsOf(manifest: Manifest, role: Role): readonly Build[] {
  return manifest.builds.filter((candidate) => candidate.role === role);
}

/** Absolute path of a file of a build. */
export function pathOf(manifest: Manifest, { path }: BuildFile): string {
  return join(manifest.folder, path);
}

/** Size of all files of a build. */
export function sizeBytesOf(candidate: Build): number {
  return candidate.files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Files of a build that are not in the folder: large ones are not part of every checkout. */
export function missingFiles(manifest: Manifest, candidate: Build): readonly string[] {
  return candidate.files
    .filter((entry) => statSync(pathOf(manifest, entry), { throwIfNoEntry: false }) === undefined)
    .map(({ path }) => path);
}

/**
 * Checks that every file of a build is there and is the one that was measured.
 *
 * @throws FaceEvalError MODEL that names the file.
 */
export async function verifyBuild(manifest: Manifest, candidate: Build): Promise<void> {
  for (const entry of candidate.files) {
    const path = pathOf(manifest, entry);
    const found = await checksum(path);
    if (found === null) {
      throw new FaceEvalError('MODEL', `the model file ${path} of ${candidate.id} is missing`, {
        hint: 'install faceeval again, or choose another build in the configuration',
      });
    }
    if (found !== entry.sha256) {
      const message =
        `the model file ${path} is not the one that ${candidate.id} names: ` +
        `its checksum is ${found.slice(0, 12)}…, expected ${entry.sha256.slice(0, 12)}…`;
      throw new FaceEvalError('MODEL', message, {
        hint: 'the file is damaged or was replaced: install faceeval again',
      });
    }
  }
}

async function checksum(path: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new FaceEvalError('MODEL', `the model file ${path} cannot be read: ${messageOf(error)}`, {
      hint: 'check its permissions, and the disk with `dmesg`',
      cause: error,
    });
  }
  return hash.digest('hex');
}

/**
 * Cosine from which a recogniser build calls two faces one person.
 *
 * @throws FaceEvalError MODEL when the manifest has no measured threshold for the asked rate.
 */
export function thresholdAtFar(
  buildId: string,
  config: {
    readonly models: { readonly dir?: string | undefined };
    readonly recogniser: { readonly targetFar: number; readonly threshold: number | null };
  },
): number {
  if (config.recogniser.threshold !== null) return config.recogniser.threshold;
  const { targetFar } = config.recogniser;
  const found = loadManifest(config.models.dir).builds.find(({ id }) => id === buildId);
  const value = found?.thresholds?.[String(targetFar)];
  if (typeof value === 'number') return value;
  throw new FaceEvalError(
    'MODEL',
    `the manifest has no threshold of ${buildId} at FAR ${targetFar}`,
    {
      hint: 'measure one with `faceeval evaluate lfw`, and set recogniser.threshold',
    },
  );
}
