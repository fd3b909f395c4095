import type { ErrorCode } from '../../errors.js';
import type { Pending } from '../../issuer/issuer.js';

/** Not yet: `code` is for `status`. */
export type Waiting = Pick<Pending, 'afterSeconds' | 'message'> & { readonly code: ErrorCode };
