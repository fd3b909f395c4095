import path from 'node:path';
import { defineConfig } from 'vitest/config';

/** The suite on a real Dogtag: a rig takes a gigabyte, and the first one minutes to build. */
export default defineConfig({
  root: path.resolve(import.meta.dirname, '..'),
  test: {
    include: ['test/dogtag/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    // Once more: a certmonger state or a step of the journal can be over before a kill gets there.
    retry: 1,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    globalSetup: ['test/rig/prerequisites.ts', 'test/rig/dogtag/prepare.ts'],
  },
});
