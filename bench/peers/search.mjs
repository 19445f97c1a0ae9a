/**
 * What exact search of a gallery costs in several libraries beside our kernel; one line of JSON:
 *
 *   node bench/peers/search.mjs WAY COUNT DIMENSION [FOLDER]
 *
 * WAY is kernel (the gallery's index), js (a loop over a Float32Array with eight sums), ort (MatMul
 * in ONNX Runtime), sqlite-vec, usearch (its exact search) or hnsw (usearch's graph, which is not
 * exact). FOLDER holds the node_modules with sqlite-vec and usearch: they are no dependencies of
 * faceeval. Compile first (npm run build). Everything runs on one thread; memory is what the process
 * grew by, and times are from the probe to the five nearest templates.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [, , way, countText, dimensionText, folder = '.'] = process.argv;
const count = Number(countText);
const dimension = Number(dimensionText);
const NEIGHBOURS = 5;
const PROBES = 40;
const foreign = createRequire(resolve(folder, 'package.json'));

/** Numbers that are the same in every run (mulberry32). */
let state = 7;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

function fillUnit(vector) {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) {
    vector[i] = random() + random() - 1;
    sum += vector[i] * vector[i];
  }
  const length = Math.sqrt(sum);
  for (let i = 0; i < vector.length; i++) vector[i] /= length;
  return vector;
}

const randomVector = () => fillUnit(new Float32Array(dimension));

/** All vectors in one block, for the ways that want them so. */
function block() {
  const all = new Float32Array(count * dimension);
  for (let row = 0; row < count; row++) {
    fillUnit(all.subarray(row * dimension, (row + 1) * dimension));
  }
  return all;
}

function nearest(similarities) {
  const top = [];
  for (let row = 0; row < count; row++) {
    const value = similarities[row];
    if (top.length === NEIGHBOURS && value <= similarities[top[NEIGHBOURS - 1]]) continue;
    let at = top.length;
    while (at > 0 && value > similarities[top[at - 1]]) at--;
    top.splice(at, 0, row);
    if (top.length > NEIGHBOURS) top.pop();
  }
  return top;
}

function scan(all, probe, similarities) {
  for (let row = 0, at = 0; row < count; row++) {
    let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < dimension; i += 8, at += 8) {
      a += all[at] * probe[i];
      b += all[at + 1] * probe[i + 1];
      c += all[at + 2] * probe[i + 2];
      d += all[at + 3] * probe[i + 3];
      e += all[at + 4] * probe[i + 4];
      f += all[at + 5] * probe[i + 5];
      g += all[at + 6] * probe[i + 6];
      h += all[at + 7] * probe[i + 7];
    }
    similarities[row] = a + b + (c + d) + (e + f + (g + h));
  }
  return similarities;
}

/** Each way: makes its index and gives a search for the numbers of the nearest templates. */
const WAYS = {
  async kernel() {
    const { GalleryIndex } = await import('../../dist/gallery/gallery-index.js');
    const index = new GalleryIndex();
    const one = new Float32Array(dimension);
    function* rows() {
      for (let row = 0; row < count; row++) {
        const id = String(row);
        yield { id, identity: { id, name: id }, vector: fillUnit(one) };
      }
    }
    index.load(rows());
    return (probe) => index.search(probe, NEIGHBOURS).map(({ identity }) => Number(identity.id));
  },

  async js() {
    const all = block();
    const similarities = new Float32Array(count);
    return (probe) => nearest(scan(all, probe, similarities));
  },

  async ort() {
    process.env.ORT_DISABLE_TELEMETRY = '1';
    const { InferenceSession, Tensor } = await import('onnxruntime-node');
    const session = await InferenceSession.create(matmulModel(), {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    });
    const all = new Tensor('float32', block(), [count, dimension]);
    return async (probe) => {
      const { y } = await session.run({ a: all, b: new Tensor('float32', probe, [dimension, 1]) });
      return nearest(y.data);
    };
  },

  async 'sqlite-vec'() {
    const { default: Sqlite } = await import('better-sqlite3');
    const db = new Sqlite(':memory:');
    foreign('sqlite-vec').load(db);
    db.exec(
      `CREATE VIRTUAL TABLE v USING vec0(e float[${dimension}] distance_metric=cosine, chunk_size=1024)`,
    );
    const insert = db.prepare('INSERT INTO v (rowid, e) VALUES (?, ?)');
    const one = new Float32Array(dimension);
    db.transaction(() => {
      for (let row = 0; row < count; row++) {
        insert.run(BigInt(row), Buffer.from(fillUnit(one).buffer));
      }
    })();
    const find = db.prepare(`SELECT rowid FROM v WHERE e MATCH ? AND k = ${NEIGHBOURS}`);
    return (probe) => find.all(Buffer.from(probe.buffer)).map(({ rowid }) => rowid);
  },

  async usearch() {
    const { exactSearch, MetricKind } = foreign('usearch');
    const all = block();
    return (probe) =>
      [...exactSearch(all, probe, dimension, NEIGHBOURS, MetricKind.IP, 1).keys].map(Number);
  },

  async hnsw() {
    const { Index, MetricKind, ScalarKind } = foreign('usearch');
    const index = new Index({
      dimensions: dimension,
      metric: MetricKind.IP,
      quantization: ScalarKind.F32,
    });
    const one = new Float32Array(dimension);
    for (let row = 0; row < count; row++) index.add(BigInt(row), fillUnit(one), 1);
    return (probe) => [...index.search(probe, NEIGHBOURS, 1).keys].map(Number);
  },
};

/** y = a · b as ONNX, written field by field: no package of ours makes protocol buffers. */
function matmulModel() {
  const text = (value) => Buffer.from(value);
  const field = (number, payload) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, payload.length]), payload]);
  const varint = (number, value) => Buffer.from([number << 3, value]);
  const tensor = (name) => Buffer.concat([field(1, text(name)), field(2, field(1, varint(1, 1)))]);
  const node = Buffer.concat([
    field(1, text('a')),
    field(1, text('b')),
    field(2, text('y')),
    field(4, text('MatMul')),
  ]);
  const graph = Buffer.concat([
    field(1, node),
    field(2, text('g')),
    field(11, tensor('a')),
    field(11, tensor('b')),
    field(12, tensor('y')),
  ]);
  return Buffer.concat([varint(1, 8), field(7, graph), field(8, varint(2, 13))]);
}

const quantile = (values, share) => values[Math.floor((values.length - 1) * share)];

const beforeBytes = process.memoryUsage().rss;
const search = await WAYS[way]();
globalThis.gc?.();
const probes = Array.from({ length: PROBES }, randomVector);
for (const probe of probes.slice(0, 5)) await search(probe);
const times = [];
const found = [];
const cpuBefore = process.cpuUsage();
for (const probe of probes) {
  const startMs = performance.now();
  found.push(await search(probe));
  times.push(performance.now() - startMs);
}
const { user, system } = process.cpuUsage(cpuBefore);
const rssBytes = process.memoryUsage().rss - beforeBytes;
times.sort((a, b) => a - b);

// The same numbers again, compared the plain way in double precision.
state = 7;
const all = block();
const agree = probes.filter((probe, n) => {
  const similarities = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    let sum = 0;
    for (let i = 0; i < dimension; i++) sum += all[row * dimension + i] * probe[i];
    similarities[row] = sum;
  }
  const wanted = nearest(similarities);
  return wanted.every(
    (row, rank) => Math.abs(similarities[row] - similarities[found[n][rank]]) < 1e-6,
  );
});
process.stdout.write(
  `${JSON.stringify({
    ...{ way, count, dimension },
    p50Ms: Number(quantile(times, 0.5).toFixed(3)),
    p95Ms: Number(quantile(times, 0.95).toFixed(3)),
    cpuMs: Number(((user + system) / 1_000 / PROBES).toFixed(3)),
    memoryOverVectors: Number((rssBytes / (count * dimension * 4)).toFixed(2)),
    agree: `${agree.length}/${PROBES}`,
  })}\n`,
);
