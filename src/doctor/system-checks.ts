import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { FaceEvalError, messageOf } from '../domain/errors.js';
import { programVersion } from '../domain/version.js';
import { opencv } from '../imaging/opencv.js';
import { loadRuntime } from '../models/ort-runtime.js';
import { type Finding, ok, problem } from './finding.js';

const run = promisify(execFile);

/** Node that package.json asks for. */
const MIN_NODE = [20, 10] as const;

/** Checks the program's own parts: Node, ONNX Runtime, OpenCV, ffmpeg. */
export async function checkSystem(): Promise<readonly Finding[]> {
  return [
    ok('system', `faceeval ${programVersion()} on ${process.platform} ${process.arch}`),
    checkNode(process.versions.node),
    await checkRuntime(),
    checkOpenCv(),
    await checkProgram('ffmpeg', ['-version'], 'apt install ffmpeg: it reads every camera'),
  ];
}

/** @param version As `process.versions.node` gives it. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [minMajor, minMinor] = MIN_NODE;
  const recent = major > minMajor || (major === minMajor && minor >= minMinor);
  return recent
    ? ok('system', `Node ${version}`)
    : problem(
        'system',
        `Node ${version} is older than ${minMajor}.${minMinor}`,
        'run scripts/setup: it brings a recent Node without touching the system’s',
      );
}

async function checkRuntime(): Promise<Finding> {
  try {
    const { version } = await loadRuntime();
    return ok('system', `ONNX Runtime ${version}`);
  } catch (error) {
    return fromError(error);
  }
}

function checkOpenCv(): Finding {
  try {
    const { major, minor, revision } = opencv().version;
    return ok('system', `OpenCV ${major}.${minor}.${revision}`);
  } catch (error) {
    return fromError(error);
  }
}

/** Checks that a program starts; shows the first line of what it prints. */
export async function checkProgram(
  program: string,
  args: readonly string[],
  hint: string,
): Promise<Finding> {
  try {
    const { stdout } = await run(program, args, { timeout: 10_000 });
    return ok('system', stdout.split('\n', 1)[0]?.replace(/ Copyright.*/, '') || program);
  } catch {
    return problem('system', `${program} is not installed or does not start`, hint);
  }
}

function fromError(error: unknown): Finding {
  const hint = error instanceof FaceEvalError ? error.hint : undefined;
  return problem('system', messageOf(error), hint ?? 'run scripts/setup again');
}
