import { randomBytes } from 'node:crypto';
import { HsmongerError } from '../../errors.js';
import type { IssuedRow } from '../../ledger/issued.js';
import type { SignatureAlgorithm, Token, TokenCertificate } from '../../pkcs11/token.js';
import { changedNature } from '../../x509/acceptable.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import { nameText, sameName } from '../../x509/name.js';
import { findPath } from '../../x509/path.js';
import { sameKey } from '../../x509/public-key.js';
import { algorithmIdentifier, verifySignature } from '../../x509/signature.js';
import type { FileSight } from '../saving-context.js';
import { describe, type Located } from './locate.js';

/** What judging a new certificate takes. */
export interface Judgement extends Pick<Located, 'certificate' | 'superseded'> {
  readonly now: Date;
  /** Everything that could be its issuer. */
  readonly authorities: readonly Certificate[];
  /** What the ledger has for the certificate's key; nothing, where another issuer signs. */
  readonly issued: readonly IssuedRow[];
}

/** Design rule 3, once more, on what really lies on the token: why the certificate must not replace the old one, as a clause; undefined when it may. */
export function fault({ now, certificate, superseded, authorities, issued }: Judgement): string | undefined {
  const revoked = issued.find((row) => equalBytes(row.certificate, certificate.der))?.revokedAt;
  if (revoked !== undefined) return `it was revoked at ${revoked.toISOString()}`;
  const [old] = superseded;
  if (old !== undefined) {
    const changed = changedNature(old, certificate);
    if (changed !== undefined) return changed;
  }
  const path = findPath(certificate, authorities, now);
  return 'fault' in path ? path.fault : undefined;
}

/** Whether its issuer could be among the certificates at hand; where it cannot, the chain is certmonger's word alone. */
function issuerAtHand({ certificate, authorities }: Pick<Judgement, 'certificate' | 'authorities'>): boolean {
  return [certificate, ...authorities].some(({ subject }) => sameName(subject, certificate.issuer));
}

/** RENEWAL_FAILED unless the certificate may replace the superseded ones; warnings where something could not be looked at. */
export function prove(nickname: string, judgement: Judgement, issuerIsOurs: boolean): string[] {
  const { certificate, issued } = judgement;
  if (!issuerIsOurs && !issuerAtHand(judgement)) {
    return [`The issuer of '${nickname}', ${nameText(certificate.issuer)}, is neither on the token nor in the NSS database, so its chain was not checked; import the issuer's certificate.`];
  }
  const why = fault(judgement);
  if (why === undefined) {
    const later = issued.some(({ notAfter, revokedAt }) => notAfter > certificate.notAfter && revokedAt === undefined);
    return later ? [`A later certificate than '${nickname}' (${describe(certificate)}) was issued for its key and is not on the token; run 'hsmonger renew'.`] : [];
  }
  throw new HsmongerError('RENEWAL_FAILED', `The new certificate '${nickname}' (${describe(certificate)}) was stored but must not replace the old one: ${why}. The old one was kept; run 'hsmonger renew' for a right one.`);
}

const algorithm: SignatureAlgorithm = { scheme: 'rsa-pkcs1', digest: 'sha256' };

/** Signs with the key on the token and verifies with the certificate: KEY_MISMATCH unless they belong together, by CKA_ID too. */
export async function proveKey(nickname: string, token: Token, certificate: Certificate, objects: readonly TokenCertificate[]): Promise<void> {
  const key = await token.findKey({ by: 'public-key', spki: certificate.spki });
  const data = randomBytes(64);
  const signature = await token.sign(key, algorithm, data);
  if (!verifySignature({ data, algorithm: algorithmIdentifier(algorithm), signature }, certificate.spki)) {
    throw new HsmongerError('KEY_MISMATCH', `What the key of '${nickname}' on token '${token.description.label}' signs does not verify with its new certificate (${describe(certificate)}); nothing was removed. Do not use that certificate.`);
  }
  // NSS pairs a certificate with its key by CKA_ID alone.
  const object = objects.find(({ der }) => equalBytes(der, certificate.der));
  if (object !== undefined && !equalBytes(object.id, key.id)) {
    throw new HsmongerError('KEY_MISMATCH', `The new certificate '${nickname}' lies on token '${token.description.label}' with CKA_ID ${hex(object.id)}, its key with ${hex(key.id)}, so NSS does not pair them; the old one was kept. Give the key the CKA_ID NSS expects.`);
  }
}

/**
 * The same of a key in a file, which only root can read: its public half, seen before the drop, is the certificate's. Where the key could not be
 * read, that the certificate has the key of the one before (locate()) must do; a warning says so.
 */
export function proveFileKey(nickname: string, sight: FileSight | undefined, certificate: Certificate): string[] {
  if (sight?.publicKey === undefined) return [`The key of '${nickname}' was not compared with its new certificate. ${sight?.troubles.join(' ') ?? ''}`.trim()];
  if (sameKey(sight.publicKey, certificate.spki)) return [];
  throw new HsmongerError('KEY_MISMATCH', `The key file of '${nickname}' does not belong to its new certificate (${describe(certificate)}); whoever uses both cannot start. Find out who replaced one of them.`);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
