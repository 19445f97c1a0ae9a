import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import mqtt from 'mqtt';
import { stringify } from 'yaml';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { note, print } from '../cli/output.js';
import { absoluteSource } from '../config/locations.js';
import { FaceEvalError } from '../domain/errors.js';
import type { Hit } from '../domain/records.js';
import { renderFootage, SAMPLE_THRESHOLD, writeEnrolmentPhotos } from './footage.js';
import { freePort } from './free-port.js';
import { HitAlbum } from './hit-album.js';

const PROGRAM = fileURLToPath(new URL('../cli/faceeval.js', import.meta.url));
const BASE = 'faceeval';
/** Messages may still be on their way when the footage has ended. */
const LINGER_MS = 1_500;

const args = await yargs(hideBin(process.argv))
  .scriptName('scripts/demo')
  .usage('$0: recognise people in sample footage, or on a camera of your own')
  .option('camera', {
    type: 'string',
    requiresArg: true,
    describe: 'rtsp://…, /dev/video0 or a file instead of the sample footage',
  })
  .option('people', {
    type: 'string',
    requiresArg: true,
    implies: 'camera',
    describe: 'Folder of Name.jpg or Name/*.jpg: who is to be recognised on the camera',
  })
  .option('out', {
    type: 'string',
    requiresArg: true,
    describe: 'Folder for hits.jsonl and pictures',
  })
  .option('seconds', {
    type: 'number',
    requiresArg: true,
    describe: 'End after so long; a camera otherwise runs until Ctrl-C',
  })
  .version(false)
  .strict()
  .parseAsync();

process.exitCode = await demo().catch((error: unknown) => {
  if (!(error instanceof FaceEvalError)) throw error;
  note(`demo: ${error.message}${error.hint === undefined ? '' : `\n      ${error.hint}`}`);
  return error.exitCode;
});

async function demo(): Promise<number> {
  const startMs = performance.now();
  const out = args.out === undefined ? mkdtempSync(join(tmpdir(), 'faceeval-')) : resolve(args.out);
  mkdirSync(out, { recursive: true });
  const port = await freePort();
  const config = join(out, 'faceeval.yaml');
  // What a run before knows would count: whoever it told of a minute ago would be told of no more.
  rmSync(stateOf(out), { recursive: true, force: true });
  const source =
    args.camera === undefined
      ? await prepareSample(out)
      : absoluteSource(args.camera, process.cwd());
  writeFileSync(config, stringify(configFor(out, source, port)));
  if (args.camera === undefined) {
    print('Enrolling two people, each from one photo:');
    await enrol(join(out, 'people'), config);
  } else if (args.people !== undefined) {
    await enrol(args.people, config);
  } else {
    note('nobody is enrolled: all will be unknown (--people DIR names them, from photos)');
  }
  const daemon = spawn(process.execPath, [PROGRAM, 'run', '--config', config], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const album = new HitAlbum(out);
  await watch(daemon, port, album, startMs);
  return summarise(album.hits, out);
}

function stateOf(out: string): string {
  return join(out, 'demo-state');
}

async function enrol(people: string, config: string): Promise<void> {
  const command = ['enroll', '--from', people, '--config', config];
  const child = spawn(process.execPath, [PROGRAM, ...command], { stdio: 'inherit' });
  const [code] = await once(child, 'close');
  if (code === 0) return;
  throw new FaceEvalError('ENROLMENT', `not everybody in ${people} could be enrolled`, {
    hint: 'the lines above say why; take those photos out',
  });
}

async function prepareSample(out: string): Promise<string> {
  const people = join(out, 'people');
  mkdirSync(people, { recursive: true });
  print('Rendering sample footage …');
  const footage = join(out, 'footage.mp4');
  await Promise.all([writeEnrolmentPhotos(people), renderFootage(footage)]);
  return footage;
}

function configFor(out: string, source: string, port: number): object {
  return {
    stateDir: stateOf(out),
    cameras: [{ id: 'demo', source }],
    ...(args.camera === undefined ? { recogniser: { threshold: SAMPLE_THRESHOLD } } : {}),
    mqtt: { url: 'embedded', embedded: { port }, baseTopic: BASE, snapshots: 'frame' },
    http: { enabled: false },
    log: { level: 'warn' },
  };
}

/** Receives with a client of its own what any subscriber would, until the footage has ended. */
async function watch(
  daemon: ChildProcess,
  port: number,
  album: HitAlbum,
  startMs: number,
): Promise<void> {
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 100 });
  client.on('error', () => {
    // The broker starts with the daemon: until then the client just tries again.
  });
  client.subscribe([
    `${BASE}/hits`,
    `${BASE}/unknowns`,
    `${BASE}/snapshots/#`,
    `${BASE}/cameras/#`,
  ]);
  const over = new Promise<string>((end) => {
    client.on('message', (topic, payload) => {
      if (topic === `${BASE}/hits` || topic === `${BASE}/unknowns`) {
        show(album.takeHit(payload.toString()), performance.now() - startMs);
      } else if (topic.startsWith(`${BASE}/snapshots/`)) {
        album.takeFrame(topic.slice(topic.lastIndexOf('/') + 1), payload);
      } else if (topic === `${BASE}/cameras/demo/state`) {
        const { state, reason } = JSON.parse(payload.toString()) as Record<string, string>;
        if (state === 'ended' || state === 'lost') end(reason ?? 'ended');
        else if (args.camera !== undefined) note(`camera: ${state} ${reason ?? ''}`);
      }
    });
    daemon.once('exit', (code) => end(`the daemon ended (code ${code})`));
    process.once('SIGINT', () => end('interrupted'));
    if (args.seconds !== undefined) setTimeout(() => end('time is up'), args.seconds * 1000);
  });
  const reason = await over;
  if (reason !== 'ended') note(`demo: ${reason}`);
  await new Promise((wake) => setTimeout(wake, LINGER_MS));
  await client.endAsync();
  if (daemon.exitCode === null) {
    daemon.kill('SIGTERM');
    await once(daemon, 'exit');
  }
}

function show(hit: Hit, sinceStartMs: number): void {
  const who = hit.identity?.name ?? hit.stranger?.label ?? 'unknown';
  print(
    `${(sinceStartMs / 1000).toFixed(1).padStart(6)} s  ${BASE}/${hit.type === 'recognised' ? 'hits' : 'unknowns'}` +
      `  ${who}  similarity ${hit.similarity.toFixed(2)} (needed ${hit.threshold.toFixed(2)})` +
      `  ${hit.shots} shots  ${Math.round(hit.latencyMs.total)} ms after capture`,
  );
}

function summarise(hits: readonly Hit[], out: string): number {
  const names = [...new Set(hits.flatMap(({ identity }) => identity?.name ?? []))];
  const unknown = hits.filter(({ type }) => type === 'unknown').length;
  print(`\n${names.length} recognised: ${names.join(', ') || 'nobody'}; ${unknown} unknown`);
  print(`messages: ${join(out, 'hits.jsonl')}\npictures: ${out}`);
  return args.camera === undefined && names.length === 0 ? 1 : 0;
}
