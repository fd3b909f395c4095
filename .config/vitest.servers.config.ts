import path from 'node:path';
import { defineConfig } from 'vitest/config';
import { serversSuite } from './servers-suite.js';

export default defineConfig({
  root: path.resolve(import.meta.dirname, '..'),
  test: {
    include: serversSuite,
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    globalSetup: ['test/rig/prerequisites.ts'],
  },
});
