import { createHash } from 'node:crypto';
import type { CaConfig, TokenIssuerConfig } from '../../../config/instance.js';
import { assertChoiceCounts } from '../../../config/signature-algorithm.js';
import { HsmongerError } from '../../../errors.js';
import type { Database } from '../../../ledger/database.js';
import { exclusively } from '../../../ledger/exclusively.js';
import { insertIssued, issuedForKey, selfIssued } from '../../../ledger/issued.js';
import type { Token } from '../../../pkcs11/token.js';
import type { Clock } from '../../../platform/clock.js';
import { acceptableRoot } from '../../../x509/acceptable-root.js';
import type { Certificate } from '../../../x509/certificate.js';
import { nameText, sameName } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { assertStrongKey, keyFingerprint, sameKey } from '../../../x509/public-key.js';
import { readableObjects } from '../../../x509/readable-certificates.js';
import { newSerial } from '../../../x509/serial.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../../x509/signature-algorithm.js';
import { assembleCertificate, buildTbsCertificate } from '../../../x509/tbs.js';
import { assertNotWithdrawn } from '../revocation/withdrawn.js';
import { ownKey, type KeyWish, type OwnKey } from './own-key.js';
import { assertKeyFree, ownPlace } from './place.js';
import { planRoot, type RootOrder } from './plan-root.js';

export interface RootParts {
  /** Open for writing. */
  readonly token: Token;
  readonly ledger: Database;
  readonly clock: Clock;
  readonly uid: number;
  readonly issuer: TokenIssuerConfig;
  readonly authorityKeyId: CaConfig['authorityKeyId'];
}

export interface RootMade {
  readonly certificate: Certificate;
  readonly key: OwnKey;
  /** Nothing was to be done. */
  readonly there: boolean;
}

const profile = 'caCACert';
/** Another process may be making a key of 4096 bits on a slow token. */
const busyMs = 300_000;

/**
 * The CA's own, self-signed certificate under the issuer's nickname on the token: made, signed, written down and stored, or what of it is
 * missing. The ledger's row is the truth: a key never signs itself a second root here, whenever it was killed.
 */
export async function makeRoot(parts: RootParts, wish: KeyWish | undefined, order: RootOrder | undefined): Promise<RootMade> {
  const { token, ledger, issuer } = parts;
  const where = `token '${token.description.label}'`;
  const objects = readableObjects(await token.certificates());
  const [present] = ownPlace(objects, issuer.certificate, order?.subject, where);
  // Before the ledger is locked, because the PIN's guard has a lock of its own.
  await token.login();
  return exclusively(ledger, busyMs, async () => {
    if (present !== undefined)
      return {
        certificate: adopted(present.certificate, issuer.certificate, where),
        key: await presentKey(token, present.certificate, wish),
        there: true,
      };
    if (order === undefined || wish === undefined) throw missing(issuer);
    if (wish.kind === 'made') assertChoiceCounts(wish.type.kind, issuer);
    const key = await rootKey(parts, wish, order);
    assertChoiceCounts(key.key.type, issuer);
    assertKeyFree(objects, key.spki, where);
    assertNotWithdrawn(ledger, { spki: key.spki });
    return { certificate: writtenDown(ledger, key, order) ?? (await signRoot(parts, key, order)), key, there: false };
  });
}

/** Puts it on the token, once its row has reached the disk. */
export async function storeRoot({ token, issuer }: RootParts, { certificate, key }: RootMade): Promise<void> {
  await token.storeCertificate(certificate.der, { label: issuer.certificate, id: key.key.id });
}

export function missing({ certificate }: TokenIssuerConfig): HsmongerError {
  return new HsmongerError(
    'USAGE',
    `There is no certificate '${certificate}' on the token yet: say whose it is to be with --subject, and name its key with --key, or have one made with --key-type.`,
  );
}

/**
 * Where one is to be made: certmonger empties the label of a key it renewed for, so what the ledger says of this subject comes before what
 * the label says.
 */
async function rootKey({ token, ledger }: RootParts, wish: KeyWish, { subject }: RootOrder): Promise<OwnKey> {
  if (wish.kind === 'existing') return ownKey(token, wish);
  for (const row of selfIssued(ledger).reverse()) {
    const { subject: known, spki } = parseCertificate(row.certificate, 'The root in the ledger');
    if (!sameName(known, subject)) continue;
    try {
      return { key: await token.findKey({ by: 'public-key', spki }), spki, made: false };
    } catch (error) {
      if (!(error instanceof HsmongerError && error.code === 'KEY_NOT_FOUND')) throw error;
    }
  }
  return ownKey(token, wish);
}

/** What is there must have the key that is asked for, where one is. */
async function presentKey(token: Token, { spki }: Certificate, wish: KeyWish | undefined): Promise<OwnKey> {
  const found = await token.findKey({ by: 'public-key', spki });
  if (wish?.kind === 'existing') {
    const wished = await ownKey(token, wish);
    if (!sameKey(wished.spki, spki))
      throw new HsmongerError(
        'KEY_MISMATCH',
        `The certificate that is on token '${token.description.label}' under this nickname has another key than --key '${wish.name}'; choose another --nickname.`,
      );
  }
  return { key: found, spki, made: false };
}

function adopted(certificate: Certificate, nickname: string, where: string): Certificate {
  const fault = acceptableRoot(certificate);
  if (fault === undefined) return certificate;
  throw new HsmongerError('CERTIFICATE_INVALID', `'${nickname}' on ${where} is no root: ${fault}; choose another --nickname.`);
}

/** What was signed for this key before, whatever became of it. */
function writtenDown(ledger: Database, { spki }: OwnKey, { subject }: RootOrder): Certificate | undefined {
  const fingerprint = keyFingerprint(spki);
  const row = issuedForKey(ledger, fingerprint).findLast(({ issuerKey }) => issuerKey === fingerprint);
  if (row === undefined) return undefined;
  if (row.revokedAt !== undefined)
    throw new HsmongerError('KEY_UNUSABLE', `The root of this key was revoked at ${row.revokedAt.toISOString()}; make another key.`);
  const certificate = parseCertificate(row.certificate, 'The root in the ledger');
  if (!sameName(certificate.subject, subject))
    throw new HsmongerError(
      'SUBJECT_MISMATCH',
      `This key has signed itself a root already, ${nameText(certificate.subject)}, serial ${row.serial}; give that subject, or take another key.`,
    );
  return certificate;
}

async function signRoot(
  { token, ledger, clock, uid, issuer, authorityKeyId }: RootParts,
  { key, spki }: OwnKey,
  order: RootOrder,
): Promise<Certificate> {
  assertStrongKey(spki, `The key '${key.label}'`);
  const now = clock();
  const plan = planRoot(now, { spki, serial: newSerial() }, order, authorityKeyId, issuer.backdateSeconds);
  const algorithm = fittingAlgorithm(spki, issuer, `The key '${key.label}'`);
  const signatureAlgorithm = algorithmIdentifier(algorithm);
  const tbs = buildTbsCertificate({ ...plan, signatureAlgorithm });
  const certificate = parseCertificate(
    assembleCertificate(tbs, signatureAlgorithm, await token.sign(key, algorithm, tbs)),
    'The root just signed',
  );
  const fault = acceptableRoot(certificate);
  if (fault !== undefined)
    throw new HsmongerError(
      'ISSUED_WRONG',
      `The root just signed for ${nameText(order.subject)} is not kept: ${fault}. Run 'hsmonger token check'.`,
    );
  const fingerprint = keyFingerprint(spki);
  insertIssued(ledger, {
    issuerKey: fingerprint,
    serial: Buffer.from(certificate.serial).toString('hex'),
    request: createHash('sha256').update(`root\n${fingerprint}`).digest('hex'),
    profile,
    subject: nameText(certificate.subject),
    subjectKey: fingerprint,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    certificate: certificate.der,
    issuedAt: now,
    uid,
  });
  return certificate;
}
