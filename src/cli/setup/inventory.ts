import { certificateToPem } from '../../x509/pem.js';
import type { Survey } from '../../tracking/survey.js';
import { json } from '../output.js';
import { hex } from '../../platform/hex.js';

/**
 * What was there before setup's first write (design rule 2): certificates, CKA_IDs and labels of the token, CAs and requests of certmonger.
 */
export function inventoryText(looks: Survey['facts'], at: Date): string {
  const [{ token, cas, requests }] = looks;
  const stores = looks.flatMap((look) => [look.token ?? [], look.nss.internal ?? []].flat());
  return json({
    at,
    token: token?.description,
    ...(looks.length === 1 ? {} : { tokens: looks.map((look) => look.token?.description) }),
    certificates: stores
      .flatMap(({ certificates }) => certificates)
      .map(({ id, label, der }) => ({ id: hex(id), label, pem: certificateToPem(der) })),
    keys: stores
      .flatMap(({ keys }) => keys)
      .map(({ id, label, type, size, spki }) => ({
        id: hex(id),
        label,
        type,
        size,
        ...(spki === undefined ? {} : { publicKey: hex(spki) }),
      })),
    cas: cas.map(({ nickname, externalHelper }) => ({ nickname, externalHelper })),
    requests,
  });
}

/** A file name of its own for each setup that changes something. */
export function inventoryName(at: Date): string {
  return `before-setup-${at.toISOString().replace(/[:.]/gu, '')}.json`;
}
