import type { Certmonger } from '../../dbus/certmonger.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import { HsmongerError } from '../errors.js';
import { parseCertificate } from '../x509/parse-certificate.js';
import { certificateFromPem } from '../x509/pem.js';
import { keyFacts } from '../x509/public-key.js';
import { asksNetscapeType } from './netscape-type.js';

/** Type and size of a key as certmonger and its certificate both have it. */
export interface ProvenKey {
  readonly keyType: 'RSA' | 'EC';
  /** Bits. */
  readonly keySize: number;
}

/** The key a renewal would keep; CERTIFICATE_NOT_FOUND or KEY_MISMATCH where certmonger would ask for something else than a renewal. */
export function provenKey(nickname: string, request: TrackingRequest): ProvenKey {
  const { pem } = request.certificate;
  if (pem === undefined)
    throw new HsmongerError(
      'CERTIFICATE_NOT_FOUND',
      `certmonger could not read the certificate of '${nickname}', so it would ask for a new one instead of a renewal; see 'hsmonger status'.`,
    );
  const { type, bits } = keyFacts(parseCertificate(certificateFromPem(pem)).spki);
  if ((type !== 'RSA' && type !== 'EC') || request.key.type !== type || request.key.size !== bits) {
    throw new HsmongerError(
      'KEY_MISMATCH',
      `certmonger takes the key of '${nickname}' for ${request.key.type ?? 'unknown'} ${String(request.key.size ?? '')}, its certificate says ${type} ${String(bits)}: a renewal would make a new key, so none was asked for. Run 'hsmonger track plan'.`,
    );
  }
  return { keyType: type, keySize: bits };
}

/** Asks certmonger for a new certificate with the key it has; gives the request as it was before, and whether it was taken up. */
export async function resubmitSameKey(
  certmonger: Pick<Certmonger, 'request'>,
  id: string,
  key: ProvenKey,
): Promise<{ readonly before: TrackingRequest; readonly taken: boolean }> {
  const handle = certmonger.request(id);
  // certmonger shows a key's size, never the size it would generate; where the two differ a resubmit re-keys (tdbush.c:3719). This makes
  // them one.
  await handle.modify(key);
  const before = await handle.read();
  if (asksNetscapeType(before)) await handle.omitNetscapeType();
  return { before, taken: await handle.resubmit() };
}
