import { listInternal } from '../../../nss/certificates.js';
import { run } from '../../../platform/run.js';
import { nssOf } from '../../../renewal/saving-context.js';
import type { ServiceContext } from '../../context.js';

/** Nicknames of the certificates in the instance's NSS database itself; there must be one. */
export async function listInternalNicknames(context: ServiceContext): Promise<string[]> {
  return (await listInternal(nssOf({ ...context, run }))).map(({ nickname }) => nickname);
}
