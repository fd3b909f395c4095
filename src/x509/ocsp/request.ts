import { contentOf, derFault, elementsIn, equalBytes, fewElementsIn } from '../der.js';
import { extensionsIn, findExtension } from '../extensions/extensions.js';
import { oids } from '../oids.js';
import { readCertId, type CertId } from './cert-id.js';

/** What a client asks (RFC 6960 §4.1); who it says it is, and a signature, are not looked at. */
export interface OcspRequest {
  readonly certIds: readonly CertId[];
  /** Content of the nonce extension, to be echoed as it is. */
  readonly nonce?: Uint8Array;
}

/** In one request: each is a look into the ledger. */
const maxCertIds = 100;
/** RFC 9654 §2.1, which obsoletes RFC 8954 and its 32. */
const maxNonce = 128;

const tags = {
  octetString: 0x04,
  sequence: 0x30,
  version: 0xa0,
  requestor: 0xa1,
  extensions: 0xa2,
  signature: 0xa0,
  singleExtensions: 0xa0,
} as const;

/** Reads a DER OCSPRequest; throws an Error whose message ends a sentence for anything that is to be answered with malformedRequest. */
export function parseOcspRequest(der: Uint8Array): OcspRequest {
  const fault = derFault(der);
  if (fault !== undefined) throw new Error(fault);
  const outer = walk(der);
  const tbs = outer(tags.sequence);
  outer(tags.signature);
  outer.end();
  if (tbs === undefined) throw malformed();
  const inner = walk(tbs);
  // DEFAULT v1, which DER leaves out and some clients write all the same.
  const version = inner(tags.version);
  inner(tags.requestor);
  const list = inner(tags.sequence);
  const wrapped = inner(tags.extensions);
  inner.end();
  if (list === undefined || (version !== undefined && !equalBytes(contentOf(version), version1))) throw malformed();
  const certIds = fewElementsIn(list, maxCertIds).map(certIdOf);
  if (certIds.length === 0) throw new Error('asks about no certificate');
  const nonce = wrapped === undefined ? undefined : nonceOf(wrapped);
  return { certIds, ...(nonce === undefined ? {} : { nonce }) };
}

const version1 = Uint8Array.of(0x02, 0x01, 0x00);

function certIdOf(request: Uint8Array): CertId {
  const parts = walk(request);
  const certId = parts(tags.sequence);
  const wrapped = parts(tags.singleExtensions);
  parts.end();
  if (certId === undefined) throw malformed();
  if (wrapped !== undefined) refuseCritical(wrapped, []);
  return readCertId(certId);
}

function nonceOf(wrapped: Uint8Array): Uint8Array | undefined {
  const value = findExtension(refuseCritical(wrapped, [oids.ocspNonce]), oids.ocspNonce)?.value;
  if (value === undefined) return undefined;
  // RFC 9654 §2.1: a nonce of no octets or more than 128 is rejected as malformed.
  const length = derFault(value) === undefined && value[0] === tags.octetString ? contentOf(value).length : 0;
  if (length < 1 || length > maxNonce) throw new Error('has a nonce that is not of 1 to 128 octets');
  return value;
}

/** A critical extension says that an answer by who does not know it is worth nothing (RFC 6960 §4.4, RFC 5280 §4.2). */
function refuseCritical(wrapped: Uint8Array, known: readonly string[]): ReturnType<typeof extensionsIn> {
  const list = contentOf(wrapped);
  if (derFault(list) !== undefined) throw malformed();
  const extensions = extensionsIn(list);
  const unknown = extensions.find(({ oid, critical }) => critical && !known.includes(oid));
  if (unknown !== undefined) throw new Error(`has the critical extension ${unknown.oid}`);
  return extensions;
}

interface Walk {
  /** The next element where it has this tag. */
  (tag: number): Uint8Array | undefined;
  /** Throws where elements are left. */
  end(): void;
}

function walk(sequence: Uint8Array): Walk {
  const parts = sequence[0] === tags.sequence ? elementsIn(sequence) : [];
  return Object.assign((tag: number) => (parts[0]?.[0] === tag ? parts.shift() : undefined), {
    end: () => {
      if (parts.length > 0) throw malformed();
    },
  });
}

function malformed(): Error {
  return new Error('has not the structure it should have');
}
