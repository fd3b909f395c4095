import { asHsmongerError, type ErrorCode } from '../../../errors.js';
import { listInternal, listOnToken, type ListedCertificate } from '../../../nss/certificates.js';
import { databaseFacts, notOwnedBy } from '../../../nss/database.js';
import { withPasswordFile } from '../../../nss/password-file.js';
import { run } from '../../../platform/run.js';
import { nssOf, withInternal, type SavingContext } from '../../../renewal/saving-context.js';
import { databasePassword } from '../../../renewal/steps/trust.js';
import type { ServiceContext } from '../../context.js';
import { inspectNssFiles, inspectNssModules, type NssInspection } from './inspect-nss.js';

/** The NSS database, layer by layer, so that one that fails does not hide what the others show. */
export interface NssLook extends Pick<NssInspection, 'format' | 'unwritable'> {
  /** Names of what belongs to another user; '.' is the directory. */
  readonly foreign: readonly string[];
  /** What NSS's tools see in it; only in an sql database. */
  readonly contents?: NssContents | Trouble;
}

interface NssContents extends Pick<NssInspection, 'registered' | 'tokens'> {
  readonly ok: true;
  /** The internal database's certificates. */
  readonly internal: readonly ListedCertificate[];
  /** The token's, as NSS sees them: only after a login that was asked for, and where NSS knows the token. */
  readonly onToken?: { readonly ok: true; readonly listed: readonly ListedCertificate[] } | Trouble;
}

interface Trouble {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly problem: string;
}

/** Looks at the database. With `login` NSS itself logs in to the token, once its PIN has been proven by the rules of the PIN guard. */
export async function lookAtNss(context: ServiceContext, { login }: { readonly login: boolean }): Promise<NssLook> {
  const files = {
    ...inspectNssFiles(context),
    foreign: notOwnedBy(databaseFacts(context.instance.nss.database), process.geteuid?.() ?? -1),
  };
  return files.format === 'sql' ? { ...files, contents: await contentsOf(context, login) } : files;
}

async function contentsOf(context: ServiceContext, login: boolean): Promise<NssContents | Trouble> {
  try {
    const saving: SavingContext = { ...context, run };
    const { internalName, ...modules } = await inspectNssModules(context);
    const internal = await listInternal(nssOf(saving));
    const asksToken = login && context.instance.token !== undefined && modules.registered;
    return { ok: true, ...modules, internal, ...(asksToken ? { onToken: await tokenListing(context, saving, internalName) } : {}) };
  } catch (error) {
    return troubleOf(error);
  }
}

async function tokenListing(
  context: ServiceContext,
  saving: SavingContext,
  internalName: string,
): Promise<NonNullable<NssContents['onToken']>> {
  try {
    const token = await context.openToken();
    await token.login();
    const own = await provenPassword(saving);
    const { pin } = context.readPin();
    const { label } = token.description;
    try {
      return {
        ok: true,
        listed: await withPasswordFile(
          [
            { token: label, password: pin },
            { token: internalName, password: own },
          ],
          (file) => listOnToken(nssOf(saving), label, file),
        ),
      };
    } finally {
      pin.fill(0);
      own.fill(0);
    }
  } catch (error) {
    return troubleOf(error);
  }
}

/** Of the internal database: empty where it has none or nobody says where it is kept, which keeps NSS from trying the token's. */
async function provenPassword(saving: SavingContext): Promise<Buffer> {
  const { passwordFile } = saving.instance.nss;
  if (passwordFile === undefined) return Buffer.alloc(0);
  const needed = await withInternal(saving, 'read', async (internal) => {
    if (!internal.description.loginRequired) return false;
    await internal.login();
    return true;
  });
  return needed ? databasePassword(passwordFile) : Buffer.alloc(0);
}

function troubleOf(error: unknown): Trouble {
  const { code, message } = asHsmongerError(error);
  return { ok: false, code, problem: message };
}
