import path from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Suites beside which nothing may run: two whole servers, which measure and wait for polls and pauses; the soak, for which everything has a
 * time in which it must come right.
 */
export default defineConfig({
  root: path.resolve(import.meta.dirname, '..'),
  test: {
    include: ['test/replica/**/*.test.ts', 'test/soak/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    // Once more: what is killed can be over before the kill gets there, and a supplier backs off as long as it likes.
    retry: 1,
    testTimeout: 600_000,
    hookTimeout: 180_000,
    globalSetup: ['test/rig/prerequisites.ts'],
  },
});
