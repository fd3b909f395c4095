import type { NamedProfile } from '../../config/instance.js';
import type { TokenContents } from '../../service/tasks/token/inspect-token.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { isSelfSigned, signedBy } from '../../x509/path.js';
import { sameKey } from '../../x509/public-key.js';
import { guessProfile } from './profile-guess.js';

/** The newest certificate of a nickname whose private key is on the token. */
export interface Found {
  readonly nickname: string;
  readonly certificate: Certificate;
  readonly profile: string;
}

/** What an instance could look after. Certificates without a name or a key on the token are none of ours. */
export function findCertificates({ certificates, keys }: Pick<TokenContents, 'certificates' | 'keys'>): Found[] {
  const newest = new Map<string, Found>();
  for (const { label, id, der } of certificates) {
    const certificate = readable(der);
    if (label === '' || certificate === undefined) continue;
    if (!keys.some((key) => (key.spki === undefined ? equalBytes(key.id, id) : sameKey(key.spki, certificate.spki)))) continue;
    const known = newest.get(label);
    if (known === undefined || known.certificate.notAfter < certificate.notAfter)
      newest.set(label, { nickname: label, certificate, profile: guessProfile(label, certificate) });
  }
  return [...newest.values()].sort((a, b) => (a.nickname < b.nickname ? -1 : 1));
}

export interface Selection {
  readonly certificates: readonly NamedProfile[];
  /** Sentences about what was left out. */
  readonly leftOut: readonly string[];
}

/** Those the issuer can renew: its own certificate where it signed itself, and what it signed. */
export function renewableBy(issuer: Found, found: readonly Found[]): Selection {
  const fits = (candidate: Found) =>
    candidate.nickname === issuer.nickname ? isSelfSigned(candidate.certificate) : signedBy(candidate.certificate, issuer.certificate.spki);
  return {
    certificates: found.filter(fits).map(({ nickname, profile }) => ({ nickname, profile })),
    leftOut: found
      .filter((candidate) => !fits(candidate))
      .map(({ nickname }) => `'${nickname}' is left out: '${issuer.nickname}' did not issue it.`),
  };
}

function readable(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch {
    return undefined;
  }
}
