import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Native addons crash in worker threads; a process each is what production does as well.
    pool: 'forks',
    // Some tests load ONNX Runtime by themselves: no machine that tests shall send telemetry.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
