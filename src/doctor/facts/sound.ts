import type { ErrorCode } from '../../errors.js';

/** A failure of a part that the others can be told without. */
export interface Trouble {
  readonly ok: false;
  readonly code: ErrorCode;
  /** A whole sentence, with what to do. */
  readonly problem: string;
}

export type Sound = { readonly ok: true } | Trouble;
