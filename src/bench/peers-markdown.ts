import { formatMiB, formatMs, tableRow } from './format.js';
import type { PeersResult } from './peers-result.js';

/** Our rows begin with this. */
const OURS = 'faceeval';

/** One comparison with others as a section of Markdown. */
export function peersSection(result: PeersResult): string {
  const { cpu, cores, loadBefore, loadAfter, rounds } = result;
  return [
    `## Beside others: ${cpu}, ${cores} cores`,
    '',
    `Measured ${result.measuredAt.slice(0, 10)} by bench/peers/run.py: every peer a process of its`,
    `own, all in turns, ${rounds} rounds; load ${loadBefore.toFixed(1)} before and`,
    `${loadAfter.toFixed(1)} after. "CPU" is the processor time of a run over all its threads, which`,
    'other work on the machine moves less than the clock.',
    '',
    ...detectorTable(result.detectors),
    ...recogniserTable(result.recognisers),
    ...losses(result),
    ...result.absent.map(({ peer, reason }) => `Not measured: ${peer}: ${reason}.\n`),
    `Versions: ${Object.entries(result.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    '',
  ].join('\n');
}

function detectorTable(rows: PeersResult['detectors']): readonly string[] {
  if (rows.length === 0) return [];
  return [
    'A 1280×720 frame with three faces, scaled by 0.4, smallest face 20 px, as the seed’s demo',
    'detects. LFW: 250×250 pictures of one person. Same boxes: faces that the straight way finds and',
    'whose box overlaps by 0.9 or more (other detectors draw boxes by other rules).',
    '',
    '| detector | threads | p50 ms | p90 | min | CPU ms | ours is × as fast | LFW found | others ' +
      '| faces on photos | same boxes |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...rows.map((row) =>
      tableRow([
        ...timesOf(row),
        ratio(row, ours(rows, row.threads)),
        row.lfw === undefined ? '' : `${row.lfw.found} of ${row.lfw.images}`,
        row.lfw?.others ?? '',
        row.photos?.faces ?? '',
        row.agreement === undefined ? '' : `${(row.agreement.sameShare * 100).toFixed(1)} %`,
      ]),
    ),
    '',
  ];
}

function recogniserTable(rows: PeersResult['recognisers']): readonly string[] {
  if (rows.length === 0) return [];
  return [
    'ResNet-50 of the seed’s shape, one face. Cosine: templates against those of ONNX Runtime in FP32.',
    '',
    '| engine | threads | p50 ms | p90 | min | CPU ms | model MiB | cosine, mean | least |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...rows.map((row) =>
      tableRow([
        ...timesOf(row),
        formatMiB(row.sizeBytes ?? null),
        row.meanCosine?.toFixed(4) ?? '',
        row.leastCosine?.toFixed(4) ?? '',
      ]),
    ),
    '',
  ];
}

type Row = PeersResult['detectors'][number] | PeersResult['recognisers'][number];

function timesOf(row: Row): (string | number)[] {
  const name = row.peer.startsWith(OURS) ? `**${row.peer}**` : row.peer;
  return [name, row.threads, ...[row.p50Ms, row.p90Ms, row.minMs, row.cpuP50Ms].map(formatMs)];
}

function ours<T extends Row>(rows: readonly T[], threads: number): T | undefined {
  return rows.find((row) => row.peer.startsWith(OURS) && row.threads === threads);
}

function ratio(row: Row, own: Row | undefined): string {
  return own === undefined || own === row ? '' : (row.p50Ms / own.p50Ms).toFixed(1);
}

/** Where a peer is faster than ours, in words: a table hides it too well. */
function losses({ detectors, recognisers }: PeersResult): readonly string[] {
  const lines = [
    ...detectors.flatMap((row) => lossOf(row, ours(detectors, row.threads))),
    ...recognisers.flatMap((row) => {
      const precision = /int8|8-bit/i.test(row.peer) ? 'INT8' : 'FP32';
      const own = recognisers.find(
        ({ peer, threads }) => peer === `${OURS} ${precision}` && threads === row.threads,
      );
      return lossOf(row, own);
    }),
  ];
  return lines.length === 0 ? [] : ['Where others are faster:', '', ...lines, ''];
}

/** Differences below this come and go from run to run. */
const NOISE = 0.05;

function lossOf(row: Row, own: Row | undefined): readonly string[] {
  if (own === undefined || row.peer.startsWith(OURS)) return [];
  const gain = 1 - row.p50Ms / own.p50Ms;
  if (gain < NOISE) return [];
  const threads = `${row.threads} ${row.threads === 1 ? 'thread' : 'threads'}`;
  const times = `${formatMs(row.p50Ms)} instead of ${formatMs(own.p50Ms)} ms`;
  return [`- ${row.peer}, ${threads}: ${times}. ${REASONS[row.peer] ?? ''}`.trimEnd()];
}

/** Why a peer may win, as far as it is known. */
const REASONS: Readonly<Record<string, string>> = {
  'YuNet, OpenCV':
    'One small net sees the frame once, where MTCNN runs three nets over a pyramid. It was not tried ' +
    'whether templates aligned by its landmarks are as good.',
  'MNN, 8-bit weights':
    'It quantises activations as they come; ONNX Runtime has the ranges in the graph.',
  'ONNX Runtime INT8, Python':
    'The same library and file: in a row, with no others in between, both take 8.0 ms on one thread ' +
    '(least of 60 runs).',
  MNN: 'It computes 3×3 convolutions by Winograd’s method, with a quarter of the products.',
  ncnn: 'It computes 3×3 convolutions by Winograd’s method, with a quarter of the products.',
};
