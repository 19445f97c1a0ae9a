import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Native addons crash in worker threads; a process each is what production does as well.
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
