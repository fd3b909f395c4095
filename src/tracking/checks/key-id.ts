import { tokenOf } from '../../config/token-of.js';
import { equalBytes } from '../../x509/der.js';
import { nssKeyId } from '../../pkcs11/nss-key-id.js';
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
    const change = (type: string) => `pkcs11-tool --module ${tokenOf(instance).module} --login --type ${type} --id ${has} --set-id ${wants}`;
    return [
      {
        check: 'key-id',
        nickname,
        problem: `The key of '${nickname}' has the CKA_ID ${has === '' ? '(none)' : has}, not ${wants}, the SHA-1 of its public value that NSS looks for; renewing it would lose the key or part it from its certificate.`,
        fix: storage.kind === 'internal' ? `Export certificate and key (pk12util -o FILE -n '${nickname}' -d sql:${instance.nss.database}), remove both there, and import them again (pk12util -i): importing sets the CKA_ID.` : `Make a backup, then change the CKA_ID of private key, public key and certificate to ${wants}: ${['privkey', 'pubkey', 'cert'].map(change).join('; ')}.`,
      },
    ];
  });
}
