import { HsmongerError, type ErrorCode } from '../../errors.js';

const codes: ReadonlySet<ErrorCode> = new Set(['SESSION_LOST', 'TOKEN_NOT_FOUND', 'TOKEN_FAILED']);

/**
 * Whether a signature that failed so may succeed through a new session. One made twice harms nobody, so vague failures of the device
 * (CKR_DEVICE_ERROR, …) are among them.
 */
export function newSessionMayMend(error: unknown): error is HsmongerError {
  return error instanceof HsmongerError && codes.has(error.code);
}

/** The failure of the second attempt. */
export function failedTwice(error: HsmongerError): HsmongerError {
  return new HsmongerError(error.code, `${error.message} It was tried again through a new session, too.`, { cause: error });
}
