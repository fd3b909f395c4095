import { asHsmongerError, type ErrorCode } from '../../errors.js';
import { listInternal, listOnToken, type ListedCertificate } from '../../nss/certificates.js';
import { databaseFacts, notOwnedBy } from '../../nss/database.js';
import { withPasswordFile } from '../../nss/password-file.js';
import { run } from '../../platform/run.js';
import { nssOf, withInternal, type SavingContext } from '../../renewal/saving-context.js';
import { databasePassword } from '../../renewal/steps/trust.js';
import type { ServiceContext } from '../context.js';
import { inspectNss, type NssInspection } from './inspect-nss.js';

/** The NSS database with the trust it gives. */
export interface NssLook extends NssInspection {
  /** Names of what belongs to another user; '.' is the directory. */
  readonly foreign: readonly string[];
  /** The internal database's certificates; none where it is not an sql database. */
  readonly internal: readonly ListedCertificate[];
  /** The token's, as NSS sees them: only after a login that was asked for, and where NSS knows the token. */
  readonly onToken?: { readonly ok: true; readonly listed: readonly ListedCertificate[] } | { readonly ok: false; readonly code: ErrorCode; readonly problem: string };
}

/** Looks at the database. With `login` NSS itself logs in to the token, once its PIN has been proven by the rules of the PIN guard. */
export async function lookAtNss(context: ServiceContext, { login }: { readonly login: boolean }): Promise<NssLook> {
  const inspected = await inspectNss(context);
  const foreign = notOwnedBy(databaseFacts(context.instance.nss.database), process.geteuid?.() ?? -1);
  if (inspected.format !== 'sql') return { ...inspected, foreign, internal: [] };
  const saving: SavingContext = { ...context, run };
  const internal = await listInternal(nssOf(saving));
  const asksToken = login && context.instance.token !== undefined && inspected.registered;
  return { ...inspected, foreign, internal, ...(asksToken ? { onToken: await tokenListing(context, saving, inspected.internalName) } : {}) };
}

async function tokenListing(context: ServiceContext, saving: SavingContext, internalName: string): Promise<NonNullable<NssLook['onToken']>> {
  try {
    const token = await context.openToken();
    await token.login();
    const own = await provenPassword(saving);
    const { pin } = context.readPin();
    const { label } = token.description;
    try {
      return { ok: true, listed: await withPasswordFile([{ token: label, password: pin }, { token: internalName, password: own }], (file) => listOnToken(nssOf(saving), label, file)) };
    } finally {
      pin.fill(0);
      own.fill(0);
    }
  } catch (error) {
    const { code, message } = asHsmongerError(error);
    return { ok: false, code, problem: message };
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
