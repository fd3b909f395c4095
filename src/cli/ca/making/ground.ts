import { HsmongerError } from '../../../errors.js';
import type { TokenDescription } from '../../../pkcs11/token.js';
import { askService } from '../../../service/ask.js';
import { tokenLabel } from '../../../tracking/checks/token-label.js';
import { makeDatabase } from '../../setup/nss-database.js';
import { writeInstanceFile } from '../../setup/write-instance.js';
import type { Draft } from './draft.js';

/** Refuses, before anything is made, a token certmonger could not renew on. Needs no login. */
export async function assertUsableToken(draft: Draft): Promise<TokenDescription> {
  const { description } = await askService(draft, 'inspect token', { keys: false });
  const [refusal] = tokenLabel({ token: { description } });
  if (refusal !== undefined) throw new HsmongerError('PREFLIGHT_FAILED', `${refusal.problem} ${refusal.fix}`);
  if (description.writeProtected)
    throw new HsmongerError(
      'TOKEN_READ_ONLY',
      `Token '${description.label}' is write-protected, so no certificate can be stored there; lift the protection.`,
    );
  return description;
}

/**
 * Makes the NSS database, where there is none, and writes the instance file, where there is none: what `setup` goes on from. Sentences
 * about what was done.
 */
export async function layGround({ instance, directories, text }: Draft): Promise<string[]> {
  const done = await makeDatabase({ instance, directories });
  if (text !== undefined) {
    writeInstanceFile(instance.file, text);
    done.push(`wrote ${instance.file}`);
  }
  return done;
}
