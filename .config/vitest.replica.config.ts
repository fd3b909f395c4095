import path from 'node:path';
import { defineConfig } from 'vitest/config';

/** The suite with two whole servers: it measures, and waits for polls and pauses, so nothing runs beside it. */
export default defineConfig({
  root: path.resolve(import.meta.dirname, '..'),
  test: {
    include: ['test/replica/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    // Once more: what is killed can be over before the kill gets there, and a supplier backs off as long as it likes.
    retry: 1,
    testTimeout: 300_000,
    hookTimeout: 180_000,
    globalSetup: ['test/rig/prerequisites.ts'],
  },
});
