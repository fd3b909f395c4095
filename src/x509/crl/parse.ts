import { HsmongerError, sentenceOf } from '../../errors.js';
import type { Extension } from '../certificate.js';
import { contentOf, countElements, derFault, fewElementsIn, equalBytes, unsignedValue } from '../der.js';
import { extensionsIn, findExtension } from '../extensions/extensions.js';
import { oids } from '../oids.js';
import { crlFromPem } from '../pem.js';
import type { Signed } from '../signature.js';
import { splitSigned } from '../signed.js';
import { parseTime } from '../time.js';

/** What a CRL says of itself; what it lists is counted only, and read by listedIn(). */
export interface Crl {
  readonly der: Uint8Array;
  /** DER Name. */
  readonly issuer: Uint8Array;
  readonly thisUpdate: Date;
  readonly nextUpdate?: Date;
  readonly entries: number;
  /** DER revokedCertificates; absent where nothing is revoked. */
  readonly list?: Uint8Array;
  readonly extensions: readonly Extension[];
  /** cRLNumber; a CRL of version 1 has none. */
  readonly number?: bigint;
  readonly signed: Signed;
}

/** A million certificates and more. */
export const maxCrlBytes = 64 * 1024 * 1024;

/** Reads a CRL, DER or the one PEM block of a text; CRL_INVALID for anything else. `what` names it in the message. */
export function parseCrl(content: Uint8Array, what: string): Crl {
  const der = content[0] === 0x30 ? Uint8Array.from(content) : crlFromPem(Buffer.from(content).toString('latin1'), what);
  try {
    return crlOf(der);
  } catch (error) {
    throw new HsmongerError('CRL_INVALID', `${what} cannot be read as a CRL: it ${sentenceOf(error)}.`, { cause: error });
  }
}

const tags = { integer: 0x02, sequence: 0x30, utcTime: 0x17, generalizedTime: 0x18, extensions: 0xa0 } as const;

/** Of TBSCertList, one more than there are. */
const mostParts = 8;

/** RFC 5280 §5.1. Taken apart here: the library would make an object of every entry of a list that may have hundreds of thousands. */
function crlOf(der: Uint8Array): Crl {
  const signed = splitSigned(der, maxCrlBytes);
  const parts = signed.data[0] === tags.sequence ? fewElementsIn(signed.data, mostParts) : [];
  const next = (...wanted: readonly number[]) => (wanted.includes(parts[0]?.[0] ?? 0) ? parts.shift() : undefined);
  next(tags.integer);
  const algorithm = next(tags.sequence);
  const issuer = next(tags.sequence);
  const thisUpdate = next(tags.utcTime, tags.generalizedTime);
  const nextUpdate = next(tags.utcTime, tags.generalizedTime);
  const revoked = next(tags.sequence);
  const wrapped = next(tags.extensions);
  if (algorithm === undefined || issuer === undefined || thisUpdate === undefined || parts.length > 0)
    throw new Error('has not the structure it should have');
  // §5.1.1.2, as of a certificate.
  if (!equalBytes(algorithm, signed.algorithm)) throw new Error('names two signature algorithms');
  const from = parseTime(thisUpdate);
  const until = nextUpdate === undefined ? undefined : parseTime(nextUpdate);
  if (from === undefined || (nextUpdate !== undefined && until === undefined)) throw new Error('has a date that is not a time');
  const extensions = wrapped === undefined ? [] : extensionsOf(contentOf(wrapped));
  const number = numberOf(extensions);
  return {
    der,
    issuer,
    thisUpdate: from,
    ...(until === undefined ? {} : { nextUpdate: until }),
    entries: revoked === undefined ? 0 : countElements(revoked),
    ...(revoked === undefined ? {} : { list: revoked }),
    extensions,
    ...(number === undefined ? {} : { number }),
    signed,
  };
}

function extensionsOf(list: Uint8Array): Extension[] {
  const fault = derFault(list);
  if (fault !== undefined) throw new Error(`has extensions of which the list ${fault}`);
  return extensionsIn(list);
}

function numberOf(extensions: readonly Extension[]): bigint | undefined {
  const value = findExtension(extensions, oids.crlNumber)?.value;
  if (value === undefined) return undefined;
  const number = value[0] === tags.integer ? unsignedValue(contentOf(value)) : undefined;
  if (number === undefined) throw new Error('has a CRL number that is no number');
  return number;
}
