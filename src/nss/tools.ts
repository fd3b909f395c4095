import { HsmongerError, sentenceOf } from '../errors.js';
import type { run, RunOptions, RunResult } from '../platform/run.js';

type Run = typeof run;

/** How NSS's tools are run on one database. */
export interface NssContext {
  /** Absolute directory, no `sql:` prefix. */
  readonly database: string;
  /** Variables of the PKCS#11 module the database has registered: every NSS tool loads it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly run: Run;
}

/** NSS's tools load every registered module, and a network HSM takes its time (FreeIPA issue 9725: over 30 s). */
const timeoutMs = 180_000;

/** Runs certutil on the database. NSS_PASSWORD when a password was not accepted, NSS_FAILED for every other failure. */
export function certutil(
  { database, environment, run }: NssContext,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return explained(database, () => run('certutil', [...args, '-d', `sql:${database}`], { timeoutMs, env: environment, ...options }));
}

/** Runs modutil on the database; `-force` because it otherwise asks on the terminal whether a browser is running. */
export function modutil({ database, environment, run }: NssContext, args: readonly string[]): Promise<RunResult> {
  return explained(database, () => run('modutil', ['-dbdir', `sql:${database}`, ...args, '-force'], { timeoutMs, env: environment }));
}

async function explained(database: string, step: () => Promise<RunResult>): Promise<RunResult> {
  try {
    return await step();
  } catch (error) {
    const said = sentenceOf(error);
    if (/SEC_ERROR_BAD_PASSWORD|Incorrect password|password file contains no data/u.test(said)) {
      throw new HsmongerError(
        'NSS_PASSWORD',
        `The NSS database ${database} did not accept the password it was given; put its own password into the file 'nss.password-file' names, one line.`,
        { cause: error },
      );
    }
    throw new HsmongerError('NSS_FAILED', `${said} The NSS database is ${database}.${adviceFor(said)}`, { cause: error });
  }
}

function adviceFor(said: string): string {
  if (/READ_ONLY|NO_ACCESS_RIGHTS|Permission denied/u.test(said)) return ' Give its directory and files to the service user.';
  if (/BAD_DATABASE|LEGACY_DATABASE/u.test(said))
    return " Check that cert9.db and key4.db are there, readable by the service user and whole ('certutil -L -d sql:DIR' as that user).";
  return '';
}
