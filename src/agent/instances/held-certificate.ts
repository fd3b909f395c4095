import { createHash } from 'node:crypto';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import { sha256 } from '../../renewal/report.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateFromPem } from '../../x509/pem.js';
import { keyFacts, keyFingerprint, type KeyFacts } from '../../x509/public-key.js';

/** What the agent's parts want to know of the certificate certmonger holds. */
export interface HeldCertificate {
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Of key and serial: tells this certificate from its successor, whatever the name. */
  readonly identity: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly fingerprint: string;
  /** SHA-256 of the whole certificate, hex. */
  readonly sha256: string;
  readonly key: KeyFacts;
  /** Base64 of the names. */
  readonly subject: string;
  readonly issuer: string;
}

/** So many requests nobody has; those that are gone are not counted off. */
const most = 20_000;
const known = new Map<string, { readonly pem: string; readonly held: HeldCertificate | undefined }>();

/** Each certificate is decoded once, however often its request is read; undefined where there is none, or none that can be read. */
export function heldCertificate({
  nickname,
  certificate: { pem },
}: Pick<TrackingRequest, 'nickname' | 'certificate'>): HeldCertificate | undefined {
  if (pem === undefined) return undefined;
  const before = known.get(nickname);
  if (before?.pem === pem) return before.held;
  if (known.size >= most) known.clear();
  const held = read(pem);
  known.set(nickname, { pem, held });
  return held;
}

function read(pem: string): HeldCertificate | undefined {
  try {
    const der = certificateFromPem(pem);
    const { notBefore, notAfter, spki, serial, subject, issuer } = parseCertificate(der);
    const fingerprint = keyFingerprint(spki);
    const identity = createHash('sha256').update(fingerprint).update(serial).digest('hex');
    return {
      notBefore,
      notAfter,
      identity,
      fingerprint,
      sha256: sha256({ der }),
      key: keyFacts(spki),
      subject: base64(subject),
      issuer: base64(issuer),
    };
  } catch {
    // certmonger takes what its CA gave it, and that of no CA of ours may be anything.
    return undefined;
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
