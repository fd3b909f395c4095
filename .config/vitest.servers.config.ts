import path from 'node:path';
import { defineConfig } from 'vitest/config';

/** Tests that play whole servers: minutes each. */
export default defineConfig({
  root: path.resolve(import.meta.dirname, '..'),
  test: {
    include: ['test/**/*.server.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    globalSetup: ['test/rig/prerequisites.ts'],
  },
});
