import type { Check } from './check.js';

/** All checks, in the order they are told: what others stand on comes first. */
export const checks: readonly Check[] = [];
