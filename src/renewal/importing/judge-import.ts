import { HsmongerError } from '../../errors.js';
import { acceptable } from '../../x509/acceptable.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import { allows } from '../../x509/extensions/extensions.js';
import { nameText, sameName } from '../../x509/names/name.js';
import { isSelfSigned, role, validityFault, type Path } from '../../x509/path.js';
import { sameKey } from '../../x509/public-key.js';
import { assertStrongDigest } from '../../x509/signature.js';

/** A certificate that is renewed, as it is on the token now. */
export interface Present {
  readonly nickname: string;
  readonly certificate: Certificate;
}

export interface ImportFacts {
  /** What the file of the new certificate holds, in any order: the chain may be in it too. */
  readonly given: readonly Certificate[];
  /** What may stand above it. */
  readonly pool: readonly Certificate[];
  /** What it may replace. */
  readonly present: readonly Present[];
  /** Lets a certificate signed by its own key replace one that another CA signed. */
  readonly forceSelfSigned: boolean;
}

export interface Admitted {
  readonly nickname: string;
  readonly certificate: Certificate;
  readonly path: Path;
}

/** Which certificate of ours the given one renews, and what stands above it; an HsmongerError that says why it may not (design rule 3). */
export function judgeImport(now: Date, { given, pool, present, forceSelfSigned }: ImportFacts): Admitted {
  const { certificate, old, nickname } = pairOf(given, present);
  const what = `The certificate for '${nickname}'`;
  if (!sameName(certificate.subject, old.subject)) {
    throw new HsmongerError(
      'SUBJECT_MISMATCH',
      `${what} is for ${nameText(certificate.subject)}, and the one it would replace is for ${nameText(old.subject)}; have it made from the request 'hsmonger ca csr' writes.`,
    );
  }
  const invalid = validityFault(certificate, now);
  if (invalid !== undefined) throw new HsmongerError('ISSUED_WRONG', `${what} ${invalid}; have another one made, or set the clock right.`);
  if (certificate.notAfter <= old.notAfter)
    throw new HsmongerError(
      'NOT_LONGER',
      `${what} expires at ${certificate.notAfter.toISOString()}, no later than the one that is there (${old.notAfter.toISOString()}); have one made that lasts longer.`,
    );
  if (!forceSelfSigned && !isSelfSigned(old) && isSelfSigned(certificate)) {
    throw new HsmongerError(
      'ISSUER_EXTERNAL',
      `${what} is signed by its own key, and the one that is there by ${nameText(old.issuer)}: whoever trusts that CA alone would trust this one no more. Have it signed there, or say --force-self-signed.`,
    );
  }
  assertStrongDigest(certificate.signatureAlgorithm, what);
  if (role(old) !== 'leaf' && allows(certificate, 'keyCertSign') === false)
    throw new HsmongerError(
      'ISSUED_WRONG',
      `${what} may not sign certificates (its key usage lacks keyCertSign), and the one it would replace is a CA's; have it made as a CA certificate.`,
    );
  const path = acceptable({ now, issued: certificate, authorities: [...given, ...pool], csr: requestFor(old), old });
  if ('fault' in path)
    throw new HsmongerError(
      'ISSUED_WRONG',
      `${what} cannot be used: ${path.fault}; hand in the certificates above it as well, or have another one made.`,
    );
  return { nickname, certificate, path };
}

/** The certificate of ours that is handed in once more as it is; undefined where a later one is handed in with it. */
export function thereAlready(given: readonly Certificate[], present: readonly Present[]): Present | undefined {
  const [pair] = pairsOf(given, present);
  return pair !== undefined && equalBytes(pair.certificate.der, pair.old.der)
    ? { nickname: pair.nickname, certificate: pair.old }
    : undefined;
}

interface Pair {
  readonly certificate: Certificate;
  readonly old: Certificate;
  readonly nickname: string;
}

/** The new certificate is the one whose key is ours: file names and order say nothing. The one that lasts longest comes first. */
function pairsOf(given: readonly Certificate[], present: readonly Present[]): Pair[] {
  return given
    .flatMap((certificate) =>
      present
        .filter((ours) => sameKey(ours.certificate.spki, certificate.spki))
        .map((ours) => ({ certificate, old: ours.certificate, nickname: ours.nickname })),
    )
    .sort((a, b) => b.certificate.notAfter.getTime() - a.certificate.notAfter.getTime());
}

function pairOf(given: readonly Certificate[], present: readonly Present[]): Pair {
  const [pair] = pairsOf(given, present);
  if (pair !== undefined) return pair;
  const namesake = present.find((ours) => given.some(({ subject }) => sameName(subject, ours.certificate.subject)));
  if (namesake !== undefined)
    throw new HsmongerError(
      'KEY_MISMATCH',
      `The certificate for ${nameText(namesake.certificate.subject)} was made for another key than the one of '${namesake.nickname}' on the token; have it made from the request 'hsmonger ca csr' writes.`,
    );
  throw new HsmongerError(
    'SUBJECT_MISMATCH',
    `None of the certificates handed in is for a key of this instance; they are for ${given.map(({ subject }) => nameText(subject)).join(' and ')}, and wanted is one for ${present.map((ours) => nameText(ours.certificate.subject)).join(' or ')}.`,
  );
}

/** What a request for the certificate would say; only key and name of it are looked at. */
function requestFor({ subject, spki }: Certificate) {
  const none = new Uint8Array();
  return { der: none, subject, spki, extensions: [], info: none, signatureAlgorithm: none, signature: none };
}
