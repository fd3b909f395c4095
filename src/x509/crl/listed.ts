import { revocationReasons, type RevocationReason } from '../../config/revocation-reason.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { contentOf, elementsIn } from '../der.js';
import { extensionsIn, findExtension } from '../extensions/extensions.js';
import { oids } from '../oids.js';
import { parseTime } from '../time.js';
import type { CrlEntry } from './build.js';
import type { Crl } from './parse.js';

/** What a critical extension may be of which the list is still all that is revoked (RFC 5280 §5.2). */
const understood: readonly string[] = [oids.crlNumber, oids.authorityKeyIdentifier];

/**
 * What a whole CRL lists as revoked (RFC 5280 §5.1.2.6). Makes an object of every entry, so only for one whose signature was verified. CRL_INVALID; `what`
 * names it in the message.
 */
export function listedIn({ list, extensions }: Pick<Crl, 'list' | 'extensions'>, what: string): CrlEntry[] {
  // A delta CRL, one of some certificates or reasons only, or of other issuers' too: its entries mean something else.
  const strange = extensions.find(({ oid, critical }) => oid === oids.deltaCrlIndicator || (critical && !understood.includes(oid)));
  if (strange !== undefined)
    throw new HsmongerError(
      'CRL_INVALID',
      `${what} is not a CRL of all that is revoked: it has the extension ${strange.oid}${strange.oid === oids.deltaCrlIndicator ? ', which makes it a delta CRL' : ''}. Name a full one, or only its number with --above NUMBER; nothing was signed or replaced.`,
    );
  if (list === undefined) return [];
  try {
    return elementsIn(list).flatMap(entryOf);
  } catch (error) {
    throw new HsmongerError('CRL_INVALID', `${what} cannot be read as a CRL: an entry of it ${sentenceOf(error)}.`, { cause: error });
  }
}

const reasonNames: ReadonlyMap<number, RevocationReason> = new Map(
  (Object.keys(revocationReasons) as RevocationReason[]).map((reason) => [revocationReasons[reason], reason]),
);

/** removeFromCRL (§5.3.1): such an entry says that the certificate is revoked no more. */
const noMore = 8;

function entryOf(der: Uint8Array): CrlEntry[] {
  const [serial, time, extensions] = elementsIn(der);
  const revokedAt = time === undefined ? undefined : parseTime(time);
  if (serial?.[0] !== 0x02 || revokedAt === undefined) throw new Error('has not the structure it should have');
  const found = extensions === undefined ? [] : extensionsIn(extensions);
  const reason = findExtension(found, oids.reasonCode)?.value;
  const since = findExtension(found, oids.invalidityDate)?.value;
  const invalidity = since === undefined ? undefined : parseTime(since);
  const strange = found.find(({ oid, critical }) => critical && oid !== oids.reasonCode && oid !== oids.invalidityDate);
  if (strange !== undefined) throw new Error(`has the critical extension ${strange.oid}`);
  const code = reason?.[2] ?? 0;
  if (code === noMore) return [];
  // A code nobody knows says no more than none.
  return [
    {
      serial: contentOf(serial).slice(),
      revokedAt,
      reason: reasonNames.get(code) ?? 'unspecified',
      ...(invalidity === undefined ? {} : { invalidity }),
    },
  ];
}
