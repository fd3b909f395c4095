import { revocationReasons, type RevocationReason } from '../../config/revocation-reason.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { contentOf, elementsIn } from '../der.js';
import { extensionsIn, findExtension } from '../extensions/extensions.js';
import { oids } from '../oids.js';
import { parseTime } from '../time.js';
import type { CrlEntry } from './build.js';
import type { Crl } from './parse.js';

/**
 * What a CRL lists (RFC 5280 §5.1.2.6). Makes an object of every entry, so only for one whose signature was verified. CRL_INVALID; `what`
 * names it in the message.
 */
export function listedIn({ list }: Pick<Crl, 'list'>, what: string): CrlEntry[] {
  if (list === undefined) return [];
  try {
    return elementsIn(list).map(entryOf);
  } catch (error) {
    throw new HsmongerError('CRL_INVALID', `${what} cannot be read as a CRL: an entry of it ${sentenceOf(error)}.`, { cause: error });
  }
}

const reasonNames: ReadonlyMap<number, RevocationReason> = new Map(
  (Object.keys(revocationReasons) as RevocationReason[]).map((reason) => [revocationReasons[reason], reason]),
);

function entryOf(der: Uint8Array): CrlEntry {
  const [serial, time, extensions] = elementsIn(der);
  const revokedAt = time === undefined ? undefined : parseTime(time);
  if (serial?.[0] !== 0x02 || revokedAt === undefined) throw new Error('has not the structure it should have');
  const found = extensions === undefined ? [] : extensionsIn(extensions);
  const reason = findExtension(found, oids.reasonCode)?.value;
  const since = findExtension(found, oids.invalidityDate)?.value;
  const invalidity = since === undefined ? undefined : parseTime(since);
  // A code nobody knows says no more than none.
  return {
    serial: contentOf(serial).slice(),
    revokedAt,
    reason: reasonNames.get(reason?.[2] ?? 0) ?? 'unspecified',
    ...(invalidity === undefined ? {} : { invalidity }),
  };
}
