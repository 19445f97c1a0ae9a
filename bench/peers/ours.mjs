/**
 * Our side of bench/peers/run.py; compile first (npm run build):
 *
 *   node bench/peers/ours.mjs detector|recogniser BUILD THREADS JOB    the commands of worker.py
 *   node bench/peers/ours.mjs prepare FRAME.png FACES.raw COUNT        what all peers are fed
 *
 * The recogniser's threads spin between runs, as those of the peers do, so that engines are compared
 * and not how threads wake up. The detector's sleep, as in the daemon: those of three nets that all
 * spin are in each other's way.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openDetectorBuild } from '../../dist/bench/detector-nets.js';
import { FrameSource } from '../../dist/bench/frame-source.js';
import { detectScaled, SEED_PARAMETERS, SEED_SCALE } from '../../dist/bench/seed-setting.js';
import { configSchema } from '../../dist/config/schema.js';
import { messageOf } from '../../dist/domain/errors.js';
import { Mtcnn } from '../../dist/faces/mtcnn.js';
import { decodeImage } from '../../dist/imaging/codec.js';
import { opencv } from '../../dist/imaging/opencv.js';
import { goldenFaces } from '../../dist/models/golden-faces.js';
import { netEnvironment } from '../../dist/models/net-environment.js';
import { BuildOpener } from '../../dist/models/open-build.js';

const FRAME = { faces: 3, size: { width: 1280, height: 720 }, headPx: 240 };
const SIDE_PX = 112;

const stateDir = mkdtempSync(join(tmpdir(), 'faceeval-peers-'));
process.once('exit', () => rmSync(stateDir, { recursive: true, force: true }));

async function openDetector(id, threads, { frame }) {
  opencv().setNumThreads(1);
  const opener = await BuildOpener.create(
    configSchema.parse({ stateDir, models: { threads, spinning: 'run' } }),
  );
  const { nets } = await openDetectorBuild(opener, id);
  const detector = new Mtcnn(nets, SEED_PARAMETERS);
  const picture = decodeImage(readFileSync(frame));
  const boxesOf = async (path) => {
    const photo = decodeImage(readFileSync(path));
    const faces = await detectScaled(detector, photo, SEED_SCALE);
    photo.release();
    return faces.map(({ box: { x, y, width, height } }) =>
      [x, y, x + width, y + height].map((value) => value / SEED_SCALE),
    );
  };
  return {
    time: timed(() => detectScaled(detector, picture, SEED_SCALE)),
    detect: async ({ paths }) => {
      const boxes = [];
      for (const path of paths) boxes.push(await boxesOf(path));
      return { boxes };
    },
  };
}

async function openRecogniser(id, threads, { recognisers, rawFaces }) {
  const models = { threads, spinning: 'always', dir: recognisers };
  const opener = await BuildOpener.create(configSchema.parse({ stateDir, models }));
  const { candidates } = opener.rank('recogniser', true);
  const candidate = candidates.find(({ build }) => build.id === id);
  if (candidate === undefined) throw new Error(`${recognisers} has no build ${id}`);
  const { sessions, build } = await opener.openCandidate(candidate);
  const net = Object.values(sessions)[0];
  const bytes = readFileSync(rawFaces);
  const faceBytes = SIDE_PX * SIDE_PX * 3;
  const feed = (count) => ({
    faces: {
      data: new Uint8Array(bytes.buffer, bytes.byteOffset, count * faceBytes),
      dims: [count, SIDE_PX, SIDE_PX, 3],
    },
  });
  const one = feed(1);
  return {
    time: timed(() => net.run(one)),
    embed: async () => {
      const count = bytes.byteLength / faceBytes;
      const { data } = (await net.run(feed(count))).template;
      const length = data.length / count;
      const templates = Array.from({ length: count }, (_, index) => [
        ...data.subarray(index * length, (index + 1) * length),
      ]);
      return { templates, bytes: build.files[0].bytes };
    },
  };
}

function timed(work) {
  return async ({ runs }) => {
    const wallMs = [];
    const cpuMs = [];
    for (let run = 0; run < runs; run++) {
      const startMs = performance.now();
      const startCpu = process.cpuUsage();
      await work();
      wallMs.push(performance.now() - startMs);
      const { user, system } = process.cpuUsage(startCpu);
      cpuMs.push((user + system) / 1000);
    }
    const status = readFileSync('/proc/self/status', 'utf8');
    const peakRssBytes = Number(/VmHWM:\s+(\d+)/.exec(status)[1]) * 1024;
    return { wallMs, cpuMs, peakRssBytes };
  };
}

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function serve(kind, id, threads, job) {
  const folders = JSON.parse(readFileSync(job, 'utf8'));
  const open = kind === 'detector' ? openDetector : openRecogniser;
  let commands;
  try {
    commands = await open(id, Number(threads), folders);
  } catch (error) {
    answer({ absent: messageOf(error) });
    return;
  }
  answer({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...options } = JSON.parse(line);
    answer(await commands[name](options));
  }
}

async function prepare(frame, faces, count) {
  const picture = await new FrameSource(stateDir, null).frame(
    FRAME.faces,
    FRAME.size,
    FRAME.headPx,
  );
  writeFileSync(frame, opencv().imencode('.png', picture.bgr));
  writeFileSync(faces, goldenFaces(Number(count), SIDE_PX));
}

/** Runs this program once more with the allocator set as for the daemon's vision process. */
function runAsVision() {
  const env = { ...netEnvironment(), AS_VISION: '1' };
  return spawnSync(process.execPath, process.argv.slice(1), { env, stdio: 'inherit' }).status;
}

if (process.env.AS_VISION === undefined) process.exit(runAsVision());
const [, , command, ...words] = process.argv;
await (command === 'prepare' ? prepare(...words) : serve(command, ...words));
process.exit(0);
