import type { TokenKey } from '../../pkcs11/token.js';
import { hex } from '../../platform/hex.js';
import { harmless } from '../output.js';

/** certmonger loses keys whose CKA_ID is not the one NSS computes (design rule 2). */
export function foreignIdWarning({ label, id }: Pick<TokenKey, 'label' | 'id'>, nssId: Uint8Array, asked: boolean): string {
  const how = asked ? `'hsmonger token move-id ${hex(id)}' gives it that.` : 'The token lets no CKA_ID be changed.';
  return `hsmonger: The key '${harmless(label)}' has the CKA_ID ${hex(id)}, not ${hex(nssId)}, which NSS computes from its public value: certmonger cannot renew its certificates. ${how}\n`;
}
