import { describe, expect, it } from 'vitest';
import { detectDevice } from '../../src/models/device.js';
import { probeThisDevice } from '../../src/models/device-probe.js';
import { boardProbe } from './board-fixture.js';

describe('device detection', () => {
  it.each([
    ['pi-3b', 'pi-3', 'Cortex-A53', null, ['cpu']],
    ['pi-zero-2-w', 'pi-zero-2', 'Cortex-A53', null, ['cpu']],
    ['pi-4b', 'pi-4', 'Cortex-A72', null, ['cpu']],
    ['cm4', 'pi-4', 'Cortex-A72', null, ['cpu']],
    ['pi-5', 'pi-5', 'Cortex-A76', 'asimddp', ['cpu']],
    ['jetson-nano', 'jetson-nano', 'Cortex-A57', null, ['tensorrt', 'cuda', 'cpu']],
    ['jetson-nano-cpu-runtime', 'jetson-nano', 'Cortex-A57', null, ['cpu']],
    ['jetson-tx2', 'jetson-tx2', 'Cortex-A57 + Denver 2', null, ['tensorrt', 'cuda', 'cpu']],
    ['jetson-xavier-nx', 'jetson-xavier', 'Carmel', null, ['tensorrt', 'cuda', 'cpu']],
    ['jetson-orin-nano', 'jetson-orin', 'Cortex-A78AE', 'asimddp', ['tensorrt', 'cuda', 'cpu']],
    ['rock-5b', 'arm64', 'Cortex-A55 + Cortex-A76', 'asimddp', ['cpu']],
    ['arm-unknown', 'arm64', 'ARM part 0xabc', null, ['cpu']],
    [
      'x86-avx512-vnni',
      'x86-vnni',
      'Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz',
      'avx512_vnni',
      ['cpu'],
    ],
    ['x86-avx-vnni', 'x86-vnni', '12th Gen Intel(R) Core(TM) i5-1240P', 'avx_vnni', ['cpu']],
    ['x86-no-vnni', 'x86', 'Intel(R) Core(TM) i5-6500 CPU @ 3.20GHz', null, ['cpu']],
    [
      'x86-gpu',
      'x86',
      'Intel(R) Core(TM) i5-6500 CPU @ 3.20GHz',
      null,
      ['tensorrt', 'cuda', 'cpu'],
    ],
    ['x86-gpu-runtime-no-gpu', 'x86', 'Intel(R) Core(TM) i5-6500 CPU @ 3.20GHz', null, ['cpu']],
  ])('knows %s', (name, board, cpu, int8Instruction, providers) => {
    const device = detectDevice(boardProbe(name));
    expect(device).toMatchObject({ board, cpu, int8Instruction, providers });
  });

  it('reads names and releases', () => {
    expect(detectDevice(boardProbe('pi-4b')).name).toBe('Raspberry Pi 4 Model B Rev 1.5');
    expect(detectDevice(boardProbe('jetson-nano')).l4t).toBe('32.7.1');
    expect(detectDevice(boardProbe('jetson-nano')).gpu?.int8).toBe(false);
    expect(detectDevice(boardProbe('jetson-orin-nano')).gpu?.int8).toBe(true);
    expect(detectDevice(boardProbe('x86-gpu')).gpu?.name).toBe('NVIDIA GeForce GTX 1650 Ti');
    expect(detectDevice(boardProbe('x86-no-vnni')).name).toBe('Example Inc. Desktop');
    expect(detectDevice(boardProbe('arm-unknown')).name).toBe('ARM board');
  });

  it('refuses a 32-bit system and says what to do', () => {
    expect(() => detectDevice(boardProbe('pi-4b-32-bit'))).toThrow(
      expect.objectContaining({
        code: 'MODEL',
        message: expect.stringContaining('32-bit'),
        hint: expect.stringContaining('64-bit Raspberry Pi OS'),
      }),
    );
  });

  it('knows the machine that the tests run on', async () => {
    const device = detectDevice(await probeThisDevice());
    expect(device.arch).toBe(process.arch);
    expect(device.providers.at(-1)).toBe('cpu');
    expect(device.cpu).not.toBe('unknown');
  });
});
