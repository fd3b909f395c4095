import path from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: path.resolve(import.meta.dirname, '..'),
  test: {
    include: ['test/**/*.test.ts'],
    // Suites of their own: vitest.servers.config.ts, vitest.replica.config.ts, vitest.dogtag.config.ts.
    exclude: ['test/**/*.server.test.ts', 'test/replica/**', 'test/soak/**', 'test/dogtag/**'],
    // A process of its own for each file: C_Finalize is process-wide and the drop to the service user is for good.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: ['test/rig/prerequisites.ts'],
  },
});
