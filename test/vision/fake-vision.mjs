import { appendFileSync, statSync } from 'node:fs';

/**
 * Stands in for the vision process: speaks its protocol without cameras or models, and fails as a
 * test asks. FAKE_VISION lists what each start does, the last one for all later starts;
 * FAKE_VISION_STARTS is the file in which they are counted.
 */
const plans = process.env.FAKE_VISION.split(',');
appendFileSync(process.env.FAKE_VISION_STARTS, '.');
const start = statSync(process.env.FAKE_VISION_STARTS).size;
const plan = plans[Math.min(start, plans.length) - 1];
const boot = `boot${start}`;

const send = (message) => process.send(message);
const block = () => {
  for (;;);
};

function observation(number, template) {
  const zero = { x: 0, y: 0 };
  return {
    cameraId: 'door',
    frameId: number,
    capturedAtMs: Date.now(),
    frame: { width: 640, height: 480 },
    trackId: `${boot}-door-1`,
    box: { x: 1, y: 2, width: 30, height: 40 },
    landmarks: [zero, zero, zero, zero, zero],
    detectionScore: 0.9,
    quality: { value: 0.5, interocularPx: 20, sharpness: 0.5, frontality: 0.5, luma: 100 },
    template,
    family: 'fake',
    build: 'fake-fp32',
    timings: { captureMs: 1, detectMs: 2, embedMs: 3 },
  };
}

const unit = (length) => new Float32Array(length).fill(1 / Math.sqrt(length));
const observe = (number, template = unit(192)) =>
  send({ type: 'observation', observation: observation(number, template) });

const stats = { cameras: [], stages: [], rssBytes: 1, peakRssBytes: 2, frameAgeMs: null };

function work() {
  send({ type: 'loading', what: 'a model' });
  send({ type: 'ready', builds: [], loadMs: 1 });
  if (plan === 'hang') block();
  if (plan === 'print') {
    process.stdout.write('printed by native code\n');
    process.stderr.write('half a ');
    setTimeout(() => process.stderr.write('line\n'), 50);
  }
  if (plan === 'unreal') observe(1, new Float32Array(192).fill(Number.NaN));
  if (plan === 'unreal') observe(2);
  if (plan === 'resized') observe(1);
  if (plan === 'resized') observe(2, unit(128));
  if (plan === 'last-words') {
    for (let number = 1; number <= 20; number++) observe(number);
    process.kill(process.pid, 'SIGKILL');
  }
  if (plan === 'flood') for (let number = 1; number <= 5_000; number++) observe(number);
  setInterval(() => send({ type: 'stats', stats }), 100);
}

/** Tells the test what arrived here. */
function echo(message) {
  const reason = JSON.stringify(message);
  send({ type: 'cameraStatus', status: { cameraId: 'echo', state: 'online', sinceMs: 0, reason } });
}

process.on('message', (message) => {
  if (message.type === 'configure') work();
  if (message.type === 'analyse' && plan === 'crash-on-image') process.abort();
  if (message.type === 'analyse' && plan !== 'silent-on-image') {
    const { requestId, image } = message;
    const frame = { width: image.length, height: 1 };
    send({ type: 'analysed', requestId, analysis: { ok: true, frame, faces: [] } });
  }
  if (message.type === 'shutdown' && plan === 'deaf') block();
  if (message.type === 'shutdown') process.exit(0);
  if (['pause', 'verdict'].includes(message.type)) echo(message);
});
process.once('disconnect', () => process.exit(0));

if (plan === 'crash') process.exit(3);
if (plan === 'rude') observe(1);
else send({ type: 'hello', protocol: plan === 'other' ? 99 : 1, pid: process.pid, boot });
