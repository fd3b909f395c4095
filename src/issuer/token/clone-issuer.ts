import { HsmongerError } from '../../errors.js';
import type { Token } from '../../pkcs11/token.js';
import type { Clock } from '../../platform/clock.js';
import { acceptable } from '../../x509/acceptable.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import { nameText } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { parseCsr, type CertificateRequest } from '../../x509/parse-csr.js';
import { sameKey } from '../../x509/public-key.js';
import { readableObjects } from '../../x509/readable-certificates.js';
import { verifySignature } from '../../x509/signature.js';
import type { Issued, Issuer } from '../issuer.js';
import { findAuthority } from './authority.js';

export interface CloneIssuerParts {
  /** Nickname of the CA's certificate on the token. */
  readonly certificate: string;
  /** The host that issues. */
  readonly owner: string;
  /** Called once, when the token is first needed; close() closes it. */
  readonly openToken: () => Promise<Token>;
  /** As for the issuer that signs; see TokenIssuerParts. */
  readonly above: (spki: Uint8Array) => Promise<readonly Certificate[]>;
  /** An answer the owner gave and an administrator brought here, with what stands above it. */
  readonly imported: (spki: Uint8Array) => readonly Certificate[];
  /** Whether this host never saved a certificate that certmonger holds all the same, read off the token it shares. */
  readonly missed: (nickname: string, certificate: Certificate) => boolean;
  /** A certificate the owner renews is in place here, and there is no other. */
  readonly inPlace: (nickname: string, certificate: Certificate) => void;
  readonly clock: Clock;
}

/** How often a clone looks whether the owner has renewed, seconds: the token is asked without a login. */
const againSeconds = 60;

/**
 * On a clone the CA's key is at hand and is not used: what it signed would be in no ledger the owner revokes by (design rule 11). The
 * shared token is what the owner publishes on: the new certificate lies there as soon as it has one. Needs no PIN.
 */
export function createCloneIssuer(parts: CloneIssuerParts): Issuer {
  let opening: Promise<Token> | undefined;
  const token = () => (opening ??= parts.openToken());
  return {
    enrol: async ({ csr, oldCertificate }) => {
      const request = parseCsr(csr);
      if (!verifySignature({ data: request.info, algorithm: request.signatureAlgorithm, signature: request.signature }, request.spki)) {
        throw new HsmongerError(
          'CSR_SIGNATURE',
          'The certificate request is not signed by its own key, so nothing says that the key on the token is the one the owner renewed.',
        );
      }
      const held = oldCertificate === undefined ? undefined : parseCertificate(oldCertificate, 'The certificate to be renewed');
      const found = await newest(parts, await token(), request, held);
      if (!('absent' in found)) return found;
      return {
        pending: '',
        afterSeconds: againSeconds,
        message: `'${parts.owner}' renews ${nameText((held ?? request).subject)} and has not yet: ${found.absent}. This host is a clone and signs nothing; what is this host's alone is issued there ('hsmonger ca issue') and handed to 'hsmonger ca import' here.`,
      };
    },
    roots: async () => {
      const { path } = await findAuthority(await token(), parts.certificate, parts.clock(), parts.above);
      return { chain: path.chain.map(({ der }) => der), roots: path.roots.map(({ der }) => der) };
    },
    close: async () => {
      await opening?.then(
        (open) => open.close(),
        () => undefined,
      );
    },
  };
}

interface Candidate {
  readonly certificate: Certificate;
  readonly nickname?: string;
}

/** Of what has the request's key and passes rule 3 the one that lasts longest; why there is none, as a whole clause, otherwise. */
async function newest(
  parts: CloneIssuerParts,
  token: Token,
  csr: CertificateRequest,
  held: Certificate | undefined,
): Promise<Issued | { readonly absent: string }> {
  const now = parts.clock();
  const onToken = readableObjects(await token.certificates())
    .filter(({ certificate }) => sameKey(certificate.spki, csr.spki))
    .map(({ label, certificate }): Candidate => ({ certificate, ...(label === '' ? {} : { nickname: label }) }));
  const [imported, ...chain] = parts.imported(csr.spki);
  const candidates = [...onToken, ...(imported === undefined ? [] : [{ certificate: imported }])].sort(
    (a, b) => b.certificate.notAfter.getTime() - a.certificate.notAfter.getTime(),
  );
  const { certificate: authority, pool } = await findAuthority(token, parts.certificate, now, parts.above);
  let why: string | undefined;
  for (const { certificate, nickname } of candidates) {
    const same = held !== undefined && equalBytes(certificate.der, held.der);
    // Held by certmonger and saved by nobody: its trust is not in this host's database yet. What it renewed is not known any more.
    if (same && !(nickname !== undefined && parts.missed(nickname, certificate))) continue;
    const found = acceptable({
      now,
      issued: certificate,
      authorities: [authority, ...pool, ...chain],
      csr,
      ...(same || held === undefined ? {} : { old: held }),
    });
    if (!('fault' in found))
      return { certificate: certificate.der, chain: found.chain.map(({ der }) => der), roots: found.roots.map(({ der }) => der) };
    why ??= `of one that is there, ${found.fault}`;
  }
  const nickname = onToken.find(({ certificate }) => held !== undefined && equalBytes(certificate.der, held.der))?.nickname;
  if (held !== undefined && nickname !== undefined) parts.inPlace(nickname, held);
  return { absent: candidates.length <= 1 && why !== undefined ? why : 'nothing newer lies on the token' };
}
