import { equalBytes } from '../../x509/der.js';
import { nssKeyId } from '../../pkcs11/objects/nss-key-id.js';
import type { Evidence, Refusal } from '../preflight.js';

/**
 * Renewing a key whose CKA_ID is not the one NSS computes deletes it (certmonger 0.79.15-16, certsave-n.c:826) or leaves the new
 * certificate without its key (later ones): design rule 2.
 */
export function keyId({ seen, instance }: Pick<Evidence, 'seen' | 'instance'>): Refusal[] {
  return seen.flatMap(({ nickname, storage, certificate, key }): Refusal[] => {
    if (certificate === undefined || key?.id === undefined) return [];
    const expected = nssKeyId(certificate.spki);
    if (expected === undefined || equalBytes(expected, key.id)) return [];
    const [has, wants] = [Buffer.from(key.id).toString('hex'), expected.toString('hex')];
    return [
      {
        check: 'key-id',
        nickname,
        problem: `The key of '${nickname}' has the CKA_ID ${has === '' ? '(none)' : has}, not ${wants}, the SHA-1 of its public value that NSS looks for; renewing it would lose the key or part it from its certificate.`,
        fix:
          storage.kind === 'internal'
            ? `Export certificate and key (pk12util -o FILE -n '${nickname}' -d sql:${instance.nss.database}), remove both there, and import them again (pk12util -i): importing sets the CKA_ID.`
            : `Run 'hsmonger token move-id${instance.name === 'hsmonger' ? '' : ` --instance ${instance.name}`} ${has === '' ? nickname : has}', which gives private key, public key and certificates the CKA_ID ${wants}; where the token lets no CKA_ID be changed, the certificate needs a new key ('hsmonger token keygen').`,
      },
    ];
  });
}
