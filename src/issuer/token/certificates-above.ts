import type { Token } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { sameName } from '../../x509/names/name.js';
import { isSelfSigned } from '../../x509/path.js';
import { readableCertificates } from '../../x509/readable-certificates.js';

/** Longer chains are loops or mistakes. */
const mostNames = 8;

/**
 * The certificates on the token that may stand above this one, asked for by name (CKA_SUBJECT) from issuer to issuer, so that a token of
 * ten thousand certificates is not read whole. `known` is what is at hand elsewhere: a chain may go through it. What a tool stored without
 * its CKA_SUBJECT, or under a name in another encoding than the issuer's (PKCS#11 compares octets, RFC 5280 §7.1 characters), is not found
 * so: who finds no path must read all.
 */
export async function certificatesAbove(
  token: Token,
  certificate: Certificate,
  known: readonly Certificate[] = [],
): Promise<Certificate[]> {
  const found: Certificate[] = [];
  const asked: Uint8Array[] = [];
  let level = [certificate];
  while (level.length > 0 && asked.length < mostNames) {
    const names = level.filter((one) => !isSelfSigned(one)).map(({ issuer }) => issuer);
    level = [];
    for (const name of names) {
      if (asked.some((one) => Buffer.from(one).equals(name))) continue;
      asked.push(name);
      const here = readableCertificates((await token.certificates({ subject: name })).map(({ der }) => der));
      found.push(...here);
      level.push(...here, ...known.filter(({ subject }) => sameName(subject, name)));
    }
  }
  return found;
}
