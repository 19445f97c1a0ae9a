import { describe, expect, it, vi } from 'vitest';
import { HandoverSession } from '../../src/models/handover-session.js';
import type {
  InferenceSession,
  OutputTensor,
  Provider,
} from '../../src/models/inference-session.js';

/** A session whose run ends when it is told to. */
function slowSession(provider: Provider) {
  let finish: (() => void) | undefined;
  const release = vi.fn(async () => undefined);
  const session: InferenceSession = {
    inputs: [],
    outputs: [],
    provider,
    threads: 1,
    run: () =>
      new Promise<Record<string, OutputTensor>>((resolve) => {
        finish = () => resolve({ [provider]: { data: new Float32Array(1), dims: [1] } });
      }),
    release,
  };
  return { session, release, finish: () => finish?.() };
}

describe('a hand-over', () => {
  it('lets a run end with the session that it began with', async () => {
    const cpu = slowSession('cpu');
    const gpu = slowSession('tensorrt');
    const session = new HandoverSession(cpu.session);
    const running = session.run({});
    await Promise.resolve();
    await session.handOver(gpu.session);
    expect(session.provider).toBe('cpu');
    expect(cpu.release).not.toHaveBeenCalled();
    cpu.finish();
    expect(Object.keys(await running)).toEqual(['cpu']);
    const next = session.run({});
    await new Promise((resolve) => setImmediate(resolve));
    gpu.finish();
    expect(Object.keys(await next)).toEqual(['tensorrt']);
    expect(cpu.release).toHaveBeenCalledOnce();
  });

  it('frees what comes after the end', async () => {
    const cpu = slowSession('cpu');
    const gpu = slowSession('tensorrt');
    const session = new HandoverSession(cpu.session);
    await session.release();
    await session.handOver(gpu.session);
    expect(cpu.release).toHaveBeenCalledOnce();
    expect(gpu.release).toHaveBeenCalledOnce();
  });
});
