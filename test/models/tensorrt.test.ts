import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { InferenceSession, Provider } from '../../src/models/inference-session.js';
import { startTensorRt, type TensorRtStart } from '../../src/models/tensorrt.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'faceeval-trt-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function fakeSession(provider: Provider, shape: (number | string)[]): InferenceSession {
  return {
    inputs: [{ name: 'faces', type: 'uint8', shape }],
    outputs: [],
    provider,
    threads: 1,
    run: async () => ({ who: { data: new Float32Array(1), dims: [1] } }),
    release: vi.fn(async () => undefined),
  };
}

function start(over: Partial<TensorRtStart> = {}, shape: (number | string)[] = ['N', 112, 112, 3]) {
  const said: string[] = [];
  const loads: (readonly Provider[])[] = [];
  const run = startTensorRt({
    modelPath: 'model.onnx',
    engineRoot: root,
    key: 'model_gpu',
    int8: false,
    maxBatch: 8,
    others: ['cuda', 'cpu'],
    load: async (providers) => {
      loads.push(providers);
      return fakeSession(providers[0] ?? 'cpu', shape);
    },
    build: async ({ options }) => writeEngine(options.trt_engine_cache_path as string),
    onProgress: (what) => said.push(what),
    onFallback: (what) => said.push(`fallback: ${what}`),
    ...over,
  });
  return { run, said, loads };
}

const writeEngine = (folder: string) => writeFileSync(join(folder, 'a.engine'), 'engine');

describe('TensorRT', () => {
  it('lets the next provider serve until the engine stands', async () => {
    let finish = () => {};
    const built = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { run, said } = start({
      build: async ({ options }) => {
        await built;
        writeEngine(options.trt_engine_cache_path as string);
      },
    });
    const { session, settled } = await run;
    expect(session.provider).toBe('cuda');
    await session.run({});
    finish();
    await settled;
    expect(session.provider).toBe('tensorrt');
    expect(said[0]).toContain('cuda serves meanwhile');
    expect(said[1]).toContain('serves now');
    expect(readdirSync(join(root, 'model_gpu'))).toContain('complete');
  });

  it('uses a whole engine at once', async () => {
    await (await start().run).settled;
    const { run, loads } = start({ build: () => Promise.reject(new Error('built again')) });
    expect((await run).session.provider).toBe('tensorrt');
    expect(loads.at(-1)).toEqual(['tensorrt', 'cuda', 'cpu']);
  });

  it('throws a half-written engine away and builds again', async () => {
    mkdirSync(join(root, 'model_gpu'));
    writeFileSync(join(root, 'model_gpu', 'half.engine'), 'half');
    const { session, settled } = await start().run;
    await settled;
    expect(session.provider).toBe('tensorrt');
    expect(readdirSync(join(root, 'model_gpu')).sort()).toEqual(['a.engine', 'complete']);
  });

  it('builds again when a kept engine does not load', async () => {
    await (await start().run).settled;
    let tries = 0;
    const { run, said } = start({
      load: async (providers) => {
        if (providers[0] === 'tensorrt' && tries++ === 0) throw new Error('wrong version');
        return fakeSession(providers[0] ?? 'cpu', ['N', 112, 112, 3]);
      },
    });
    const { session, settled } = await run;
    await settled;
    expect(session.provider).toBe('tensorrt');
    expect(said[0]).toContain('fallback: the kept TensorRT engine does not load');
  });

  it('stays with the next provider when the build fails or keeps no engine', async () => {
    const failing = start({ build: () => Promise.reject(new Error('out of memory')) });
    const { session, settled } = await failing.run;
    await settled;
    expect(session.provider).toBe('cuda');
    expect(failing.said.at(-1)).toBe('fallback: TensorRT is left out, cuda serves: out of memory');
    const ignoring = start({ build: () => Promise.resolve() });
    await (await ignoring.run).settled;
    expect(ignoring.said.at(-1)).toContain('passes no options on to TensorRT');
    expect(readdirSync(root)).toEqual([]);
  });

  it('is left out when sizes are free', async () => {
    const { run, said } = start({}, [1, 'H', 'W', 3]);
    expect((await run).session.provider).toBe('cuda');
    expect(said).toEqual(['fallback: TensorRT is left out: the sizes of the inputs are free']);
  });
});
