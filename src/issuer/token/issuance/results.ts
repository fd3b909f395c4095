import { asHsmongerError, type ErrorCode } from '../../../errors.js';

/** A request, and what its sender calls it. */
export interface NamedRequest {
  readonly name: string;
  /** DER PKCS#10. */
  readonly csr: Uint8Array;
  /** What makes it the same request as before, where that is not every octet of it (see orderedRequest()). */
  readonly request?: string;
}

/** What became of one request. */
export type IssueResult = Given | Refused;

export interface Given {
  readonly name: string;
  readonly certificate: Uint8Array;
  /** It had been issued before, for the same request and the same order. */
  readonly before: boolean;
  /** Extended key usages (dotted) the request asks for and the profile does not give. */
  readonly withheld?: readonly string[];
}

export interface Refused {
  readonly name: string;
  readonly problem: { readonly code: ErrorCode; readonly message: string };
}

export function refusal(name: string, error: unknown): Refused {
  const { code, message } = asHsmongerError(error);
  return { name, problem: { code, message } };
}

export function givenFor(name: string, certificate: Uint8Array, before: boolean, withheld: readonly string[] | undefined): Given {
  return { name, certificate, before, ...(withheld === undefined ? {} : { withheld }) };
}
