import type { LintKind } from '../lint.js';

/** Something unusual that nothing is to be said of. */
export interface Sample {
  readonly kind: LintKind;
  readonly what: string;
  /** `files`: material.ts's, by name. */
  readonly make: (files: (name: string) => Uint8Array) => Uint8Array;
}

/** What is done to something clean, and what must be said of it. */
export interface Mutation extends Sample {
  readonly finding: RegExp;
}
