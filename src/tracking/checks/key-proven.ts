import { equalBytes } from '../../x509/der.js';
import type { Evidence, Refusal } from '../preflight.js';

/** certmonger generates a key where it finds none (iterate.c:2160): certificate and key are proven first (design rule 1). */
export function keyProven({ seen, token: { certificates, description } }: Evidence): Refusal[] {
  return seen.flatMap(({ nickname, certificate, key, id }): Refusal[] => {
    const check = 'key-proven';
    if (certificate === undefined) {
      const labels = [...new Set(certificates.map(({ label }) => label).filter((label) => label !== ''))];
      return [{ check, nickname, problem: `There is no certificate '${nickname}' on the token '${description.label}', so certmonger would generate a new key.`, fix: labels.length === 0 ? 'Import it together with its key.' : `Correct the nickname in the instance file; the token has ${labels.map((label) => `'${label}'`).join(', ')}.` }];
    }
    if (key === undefined) {
      return [{ check, nickname, problem: `The private key of the certificate '${nickname}' is not on the token '${description.label}', so certmonger would generate a new one.`, fix: 'Track only certificates whose key is on this token; check with: hsmonger token keys.' }];
    }
    if (id !== undefined && !equalBytes(id, key.id)) {
      return [{ check, nickname, problem: `The certificate '${nickname}' and its private key have different CKA_IDs (${hex(id)} and ${hex(key.id)}), so certmonger would not find the key and generate a new one.`, fix: `Give the certificate the key's CKA_ID: pkcs11-tool --login --type cert --id ${hex(id)} --set-id ${hex(key.id)}.` }];
    }
    return [];
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
