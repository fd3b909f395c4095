import { HsmongerError } from '../../errors.js';
import { provingSignature } from '../../issuer/proving-signature.js';
import type { IssuedRow } from '../../ledger/issued.js';
import type { Token, TokenCertificate } from '../../pkcs11/token.js';
import { changedNature } from '../../x509/acceptable.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import { nameText, sameName } from '../../x509/names/name.js';
import { findPath } from '../../x509/path.js';
import { sameKey } from '../../x509/public-key.js';
import type { FileSight } from '../saving-context.js';
import { describe, type Located } from './locate.js';
import { hex } from '../../platform/hex.js';

/** What judging a new certificate takes. */
export interface Judgement extends Pick<Located, 'certificate' | 'superseded'> {
  readonly now: Date;
  /** Everything that could be its issuer. */
  readonly authorities: readonly Certificate[];
  /** What the ledger has for the certificate's key; nothing, where another issuer signs. */
  readonly issued: readonly IssuedRow[];
}

/**
 * Who has the certificates above: 'ours', the token, whose CA issued it; another CA, so that they may not be at hand; or, of the CA's own,
 * a later step sees to them ('chain trusted').
 */
type Chain = 'ours' | 'of another' | 'follows';

/**
 * Design rule 3, once more, on what really lies on the token: why the certificate must not replace the old one, as a clause; undefined when
 * it may.
 */
export function fault(judgement: Judgement): string | undefined {
  const changed = natureFault(judgement);
  if (changed !== undefined) return changed;
  const path = findPath(judgement.certificate, judgement.authorities, judgement.now);
  return 'fault' in path ? path.fault : undefined;
}

function natureFault({ certificate, superseded, issued }: Judgement): string | undefined {
  const revoked = issued.find((row) => equalBytes(row.certificate, certificate.der))?.revokedAt;
  if (revoked !== undefined) return `it was revoked at ${revoked.toISOString()}`;
  const [old] = superseded;
  return old === undefined ? undefined : changedNature(old, certificate);
}

/** The name of the first CA above it that is not at hand, by names alone; without that one the chain is certmonger's word. */
function missingAbove({ certificate, authorities }: Pick<Judgement, 'certificate' | 'authorities'>): Uint8Array | undefined {
  const passed = [certificate];
  for (let last = certificate; !sameName(last.subject, last.issuer);) {
    const above = authorities.find((one) => sameName(one.subject, last.issuer) && !passed.includes(one));
    if (above === undefined) return last.issuer;
    passed.push(above);
    last = above;
  }
  return undefined;
}

/** RENEWAL_FAILED unless the certificate may replace the superseded ones; warnings where something could not be looked at. */
export function prove(nickname: string, judgement: Judgement, chain: Chain): string[] {
  const { certificate, issued } = judgement;
  const missing = chain === 'ours' ? undefined : missingAbove(judgement);
  const why = missing === undefined ? fault(judgement) : natureFault(judgement);
  if (why === undefined && missing !== undefined) {
    if (chain === 'follows') return [];
    return [
      `${nameText(missing)}, a CA above '${nickname}', is neither on the token nor in the NSS database, so its chain was not checked; import that CA's certificate.`,
    ];
  }
  if (why === undefined) {
    const later = issued.some(({ notAfter, revokedAt }) => notAfter > certificate.notAfter && revokedAt === undefined);
    return later
      ? [
          `A later certificate than '${nickname}' (${describe(certificate)}) was issued for its key and is not on the token; run 'hsmonger renew'.`,
        ]
      : [];
  }
  throw new HsmongerError(
    'RENEWAL_FAILED',
    `The new certificate '${nickname}' (${describe(certificate)}) was stored but must not replace the old one: ${why}. The old one was kept; run 'hsmonger renew' for a right one.`,
  );
}

/** Signs with the key on the token and verifies with the certificate: KEY_MISMATCH unless they belong together, by CKA_ID too. */
export async function proveKey(
  nickname: string,
  token: Token,
  certificate: Certificate,
  objects: readonly TokenCertificate[],
): Promise<void> {
  const key = await token.findKey({ by: 'public-key', spki: certificate.spki });
  const { verified } = await provingSignature(token, key, certificate.spki);
  if (!verified) {
    throw new HsmongerError(
      'KEY_MISMATCH',
      `What the key of '${nickname}' on token '${token.description.label}' signs does not verify with its new certificate (${describe(certificate)}); nothing was removed. Do not use that certificate.`,
    );
  }
  // NSS pairs a certificate with its key by CKA_ID alone.
  const object = objects.find(({ der }) => equalBytes(der, certificate.der));
  if (object !== undefined && !equalBytes(object.id, key.id)) {
    throw new HsmongerError(
      'KEY_MISMATCH',
      `The new certificate '${nickname}' lies on token '${token.description.label}' with CKA_ID ${hex(object.id)}, its key with ${hex(key.id)}, so NSS does not pair them; the old one was kept. Give the key the CKA_ID NSS expects.`,
    );
  }
}

/**
 * The same of a key in a file, which only root can read: its public half, seen before the drop, is the certificate's. Where the key could
 * not be read, that the certificate has the key of the one before (locate()) must do; a warning says so.
 */
export function proveFileKey(nickname: string, sight: FileSight | undefined, certificate: Certificate): string[] {
  if (sight?.publicKey === undefined)
    return [`The key of '${nickname}' was not compared with its new certificate. ${sight?.troubles.join(' ') ?? ''}`.trim()];
  if (sameKey(sight.publicKey, certificate.spki)) return [];
  throw new HsmongerError(
    'KEY_MISMATCH',
    `The key file of '${nickname}' does not belong to its new certificate (${describe(certificate)}); whoever uses both cannot start. Find out who replaced one of them.`,
  );
}
