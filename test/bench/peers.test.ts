import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { latencyPage } from '../../src/bench/markdown.js';
import { peersSection } from '../../src/bench/peers-markdown.js';
import { peersResult } from '../../src/bench/peers-result.js';
import { readPeersResults, readResults } from '../../src/bench/results-folder.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'faceeval-peers-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const row = (peer: string, p50Ms: number, more: object = {}) => ({
  peer,
  threads: 1,
  runs: 30,
  p50Ms,
  p90Ms: p50Ms * 1.2,
  minMs: p50Ms * 0.9,
  cpuP50Ms: p50Ms,
  peakRssBytes: 1e8,
  ...more,
});

const RESULT = {
  schema: 1,
  kind: 'peers',
  measuredAt: '2026-11-24T14:25:00+00:00',
  cpu: 'AMD EPYC',
  cores: 2,
  loadBefore: 0.4,
  loadAfter: 1.1,
  rounds: 10,
  versions: { onnxruntime: '1.30.0' },
  detectors: [
    row('faceeval', 20, {
      lfw: { images: 500, found: 499, others: 80 },
      photos: { pictures: 6, faces: 20 },
      agreement: { faces: 600, sameShare: 0.9927, medianIou: 1 },
    }),
    row('facenet-pytorch MTCNN', 80),
    row('YuNet, OpenCV', 8),
  ],
  recognisers: [
    row('faceeval FP32', 25),
    row('faceeval INT8', 8),
    row('MNN', 20),
    row('ncnn', 24.9),
  ],
  absent: [{ peer: 'SCRFD, insightface', reason: 'its weights are not there' }],
};

describe('the comparison with others', () => {
  it('shows how many times as fast ours is, with accuracy beside', () => {
    const text = peersSection(peersResult.parse(RESULT));
    expect(text).toContain('| facenet-pytorch MTCNN | 1 | 80.0 | 96.0 | 72.0 | 80.0 | 4.0 |');
    expect(text).toMatch(/\*\*faceeval\*\* .* 499 of 500 \| 80 \| 20 \| 99\.3 %/);
    expect(text).toContain('Not measured: SCRFD, insightface: its weights are not there.');
  });

  it('says where others are faster, and does not call noise a win', () => {
    const text = peersSection(peersResult.parse(RESULT));
    const lost = text.slice(text.indexOf('Where others are faster'));
    expect(lost).toMatch(/- YuNet, OpenCV, 1 thread: 8\.00 instead of 20\.0 ms\. ./);
    expect(lost).toMatch(/- MNN, 1 thread: 20\.0 instead of 25\.0 ms\. ./);
    expect(lost).not.toContain('- ncnn');
    expect(lost).not.toContain('- facenet');
  });

  it('is read from the folder of results by its name, and stands on the page', () => {
    writeFileSync(join(folder, 'peers-x.json'), JSON.stringify(RESULT));
    expect(readResults(folder)).toEqual([]);
    const page = latencyPage([], readPeersResults(folder));
    expect(page.indexOf('## Beside others')).toBeLessThan(page.indexOf('## Published'));
    writeFileSync(join(folder, 'peers-y.json'), '{}');
    expect(() => readPeersResults(folder)).toThrow(/peers-y\.json is no result of the bench/);
  });
});
