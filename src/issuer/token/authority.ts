import { HsmongerError } from '../../errors.js';
import type { Token, TokenKey } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { findPath, role, validityFault, type Path } from '../../x509/path.js';
import { sameKey } from '../../x509/public-key.js';
import { readableCertificates, readableObjects } from '../../x509/readable-certificates.js';
import { certificatesAbove } from './certificates-above.js';

/** The CA on the token. */
export interface Authority {
  readonly certificate: Certificate;
  /** CKA_ID of the certificate object; its key's too, unless a vendor's tool made them. */
  readonly id: Uint8Array;
  /** From the CA certificate to its root; validity not looked at. */
  readonly path: Path;
  /**
   * What may stand above the certificates it issues: itself and, where it is a subordinate, what was found on the token by the names of its
   * issuers, and what else is known.
   */
  readonly pool: readonly Certificate[];
}

/**
 * The CA certificate of this nickname whose chain ends in a root on the token. Of several (a renewal leaves old and new side by side) the
 * valid one that lasts longest, whatever order the token lists them in. Logs in only where they are of different keys, to see whose key is
 * on the token: a helper that has to wait, or to repeat an answer, needs no PIN. `above` gives what is known of the CAs above a key; asked
 * only where the token does not show them by their names. Every certificate on the token is read only where that does not make a chain
 * either.
 */
export async function findAuthority(
  token: Token,
  nickname: string,
  now: Date,
  above: (spki: Uint8Array) => Promise<readonly Certificate[]> = () => Promise.resolve([]),
): Promise<Authority> {
  const named = await token.certificates(nickname);
  const where = `token '${token.description.label}'`;
  if (named.length === 0)
    throw new HsmongerError(
      'CERTIFICATE_NOT_FOUND',
      `There is no certificate '${nickname}' on ${where}; issuer.certificate must name the CA's certificate there.`,
    );
  const candidates = readableObjects(named)
    .filter(({ certificate }) => role(certificate) !== 'leaf')
    .sort(
      (a, b) =>
        Number(isValid(b.certificate, now)) - Number(isValid(a.certificate, now)) ||
        b.certificate.notAfter.getTime() - a.certificate.notAfter.getTime(),
    );
  const [best] = candidates;
  if (best === undefined)
    throw new HsmongerError('CERTIFICATE_INVALID', `'${nickname}' on ${where} is not a CA certificate; issuer.certificate must name one.`);
  const keyInDoubt = candidates.some(({ certificate }) => !sameKey(certificate.spki, best.certificate.spki));
  let failure: HsmongerError | undefined;
  for (const { certificate, id } of candidates) {
    let pool: readonly Certificate[] = [certificate];
    let path = findPath(certificate, pool);
    // Each costs more than the one before it.
    for (const more of [() => certificatesAbove(token, certificate), () => above(certificate.spki), () => everything(token)]) {
      if (!('fault' in path)) break;
      pool = [...pool, ...(await more())];
      path = findPath(certificate, pool);
    }
    if ('fault' in path) {
      failure ??= new HsmongerError(
        'CERTIFICATE_NOT_FOUND',
        `'${nickname}' on ${where} has no chain up to a root: ${path.fault}. Put the certificates above it on the token: 'hsmonger token import-cert FILE --without-key'.`,
      );
      continue;
    }
    const authority = { certificate, path, pool, id };
    try {
      if (keyInDoubt) await authorityKey(token, authority);
      return authority;
    } catch (error) {
      if (!(error instanceof HsmongerError && error.code === 'KEY_NOT_FOUND')) throw error;
      failure = error;
    }
  }
  throw failure ?? new HsmongerError('KEY_NOT_FOUND', `The key of '${nickname}' is not on ${where}.`);
}

/** The CA's private key. Logs in. */
export function authorityKey(token: Token, { certificate, id }: Authority): Promise<TokenKey> {
  return token.findKey({ by: 'public-key', spki: certificate.spki, id });
}

const isValid = (certificate: Certificate, now: Date) => validityFault(certificate, now) === undefined;

async function everything(token: Token): Promise<Certificate[]> {
  return readableCertificates((await token.certificates()).map(({ der }) => der));
}
