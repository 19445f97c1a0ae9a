/**
 * What a scene in which nothing happens costs, in processor time of the whole daemon with all its
 * processes; one line of JSON:
 *
 *   node bench/still-scene.mjs [SECONDS]
 *
 * An H.264 film of one picture with a camera's noise, 640×480 and 15 frames a second, is played in
 * real time, over and over. Compile first (npm run build); needs ffmpeg. The film is decoded in
 * software, as a camera's stream on a machine without a decoder is.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const seconds = Number(process.argv[2] ?? 60);
/** Models are loaded and the first frames looked at by then. */
const SETTLE_S = 15;
const FILM_S = 20;
/** The kernel counts processor time in hundredths of a second. */
const TICKS_PER_S = 100;

const folder = mkdtempSync(join(tmpdir(), 'faceeval-still-'));
const film = join(folder, 'still.mp4');
// prettier-ignore
execFileSync('ffmpeg', [
  '-v',
  'error',
  '-nostdin',
  '-f',
  'lavfi',
  '-i',
  'testsrc2=size=640x480:rate=15,trim=end_frame=1,loop=-1:1,noise=alls=6:allf=t',
  '-t',
  String(FILM_S),
  '-c:v',
  'libx264',
  '-preset',
  'veryfast',
  '-pix_fmt',
  'yuv420p',
  film,
]);
const config = join(folder, 'faceeval.yaml');
writeFileSync(
  config,
  `stateDir: ${join(folder, 'state')}
cameras:
  - id: still
    source: ${film}
    loop: true
`,
);

/** Parent and processor time of every process, the children that it has outlived included. */
function processes() {
  const found = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0);
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      found.set(Number(pid), { parent: Number(fields[1]), ticks, command });
    } catch {
      // It ended in between.
    }
  }
  return found;
}

/** Processor time of the daemon and everything below it, seconds, by what it is. */
function treeTimes(root) {
  const all = processes();
  const times = { daemon: 0, vision: 0, decoder: 0 };
  for (const [pid, { ticks, command }] of all) {
    let at = pid;
    while (at !== root && all.has(at)) at = all.get(at).parent;
    if (at !== root) continue;
    const part = pid === root ? 'daemon' : /vision/.test(command) ? 'vision' : 'decoder';
    times[part] += ticks / TICKS_PER_S;
  }
  return times;
}

const program = fileURLToPath(new URL('../dist/cli/faceeval.js', import.meta.url));
const daemon = spawn(process.execPath, [program, 'run', '--config', config], { stdio: 'ignore' });
try {
  await delay(SETTLE_S * 1000);
  if (daemon.exitCode !== null) throw new Error('the daemon ended; try faceeval run');
  const before = treeTimes(daemon.pid);
  const startMs = performance.now();
  await delay(seconds * 1000);
  const after = treeTimes(daemon.pid);
  const tookS = (performance.now() - startMs) / 1000;
  const share = (part) => Number((((after[part] - before[part]) / tookS) * 100).toFixed(2));
  const percent = { daemon: share('daemon'), vision: share('vision'), decoder: share('decoder') };
  const all = Number((percent.daemon + percent.vision + percent.decoder).toFixed(2));
  const load = Number(loadavg()[0].toFixed(1));
  process.stdout.write(
    `${JSON.stringify({ seconds: Math.round(tookS), percentOfOneCore: { ...percent, all }, load })}\n`,
  );
} finally {
  daemon.kill('SIGTERM');
  await new Promise((resolve) =>
    daemon.exitCode === null ? daemon.once('exit', resolve) : resolve(),
  );
  rmSync(folder, { recursive: true, force: true });
}
