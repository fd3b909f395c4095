import { createHash } from 'node:crypto';
import { directoriesFrom, ledgerFile, stateDirectory } from '../config/directories.js';
import type { InstanceSite } from '../config/instance.js';
import { loadInstance } from '../config/load.js';
import { prepareState } from '../config/prepare-state.js';
import { asHsmongerError, HsmongerError } from '../errors.js';
import type { Issuer } from '../issuer/issuer.js';
import type { Database } from '../ledger/database.js';
import { noteInPlace } from '../ledger/journal.js';
import { openLedger } from '../ledger/ledger.js';
import { sqliteAddon } from '../platform/addons.js';
import { systemClock } from '../platform/clock.js';
import { accountOf, dropTo, runningAsRoot, type Account } from '../platform/service-user.js';
import { readFlags, type Flags } from '../protocol/flags.js';
import type { Operation } from '../protocol/operation.js';
import type { Outcome } from '../protocol/outcome.js';
import type { Certificate } from '../x509/certificate.js';
import { alarm } from './enrolment/alarm.js';
import { isMissed } from './missed.js';
import { rememberedAlarm } from './remembered-alarm.js';
import { failureOutcome, namedCertificates } from './enrolment/answers.js';
import { withinDeadline } from './enrolment/deadline.js';
import { pursue } from './enrolment/flow.js';
import { loadIssuer, type IssuerParts } from './enrolment/issuers.js';
import { openPrivileged, type Privileged } from './enrolment/privileged.js';
import { rememberOutcome } from './enrolment/remember.js';
import { assertSavable } from './enrolment/savable.js';
import { throughRunuser } from './enrolment/through-runuser.js';

type IssuerOperation = Extract<Operation, { kind: 'enrol' | 'fetch-roots' }>;
type Environment = Readonly<Record<string, string | undefined>>;

interface Run extends InstanceSite {
  readonly flags: Flags;
}

/** The same, with what had to be loaded before the drop. */
interface Loaded extends Run {
  readonly createIssuer: (parts: IssuerParts) => Issuer;
  readonly readCaFile: (file: string) => { readonly certificates: readonly Certificate[] };
}

/**
 * The whole run of the helper for an operation that needs an issuer: configuration as root, what only root can open, the drop, the way
 * to a certificate, the answer. Never throws: whatever goes wrong is an outcome certmonger understands, and a line on stderr.
 */
export async function answer(operation: IssuerOperation, argv: readonly string[], env: Environment): Promise<Outcome> {
  try {
    const run = configuration(argv, env);
    const { instance, directories } = run;
    if (instance.drop === 'runuser' && runningAsRoot()) return await throughRunuser(instance, directories, argv, env);
    // Own code and addons are in memory before the drop: afterwards a clone below a closed home directory cannot be read.
    sqliteAddon();
    const loaded: Loaded = {
      ...run,
      createIssuer: await loadIssuer(instance),
      readCaFile:
        instance.issuer.type === 'dogtag' ? (await import('../issuer/dogtag/ca-file.js')).readCaFile : () => ({ certificates: [] }),
    };
    const account = accountOf(instance.user);
    prepareState(directories, instance, account);
    const privileged = await openPrivileged(instance, operation.kind === 'enrol' ? operation.variables : undefined, account);
    dropTo(instance.user);
    return await withinDeadline(instance, directories, () => outcomeOf(operation, loaded, privileged, account));
  } catch (error) {
    const failure = asHsmongerError(error);
    process.stderr.write(`hsmonger-submit: ${failure.code}: ${failure.message}\n`);
    const outcome = failureOutcome(failure, operation.kind === 'enrol' ? operation.variables.cookie : undefined);
    // A refusal would make certmonger ask for the roots again after a year (iterate.c:2377-2500).
    return operation.kind === 'fetch-roots' && (outcome.kind === 'rejected' || outcome.kind === 'unconfigured')
      ? { kind: 'retry', afterSeconds: rootsAgainSeconds }
      : outcome;
  }
}

const rootsAgainSeconds = 300;

function configuration(argv: readonly string[], env: Environment): Run {
  const flags = readFlags(argv);
  if (flags.unknown !== undefined)
    throw new HsmongerError(
      'USAGE',
      `hsmonger-submit does not know '${flags.unknown}'; its flags are --instance, --config-dir, --state-dir, --reuse-existing and --force-self-signed.`,
    );
  const name = flags.instance ?? env['CERTMONGER_CA_NICKNAME'];
  if (name === undefined)
    throw new HsmongerError(
      'USAGE',
      'hsmonger-submit was given no instance: certmonger sets CERTMONGER_CA_NICKNAME, by hand use --instance NAME.',
    );
  const directories = directoriesFrom(flags, env);
  return { flags, directories, instance: loadInstance(directories, name) };
}

async function outcomeOf(operation: IssuerOperation, run: Loaded, privileged: Privileged, account: Account): Promise<Outcome> {
  const { instance, directories } = run;
  const ledger = openLedger(ledgerFile(directories, instance));
  try {
    return await (operation.kind === 'enrol'
      ? enrol(operation, run, privileged, ledger, account)
      : roots(run, privileged, ledger, account));
  } finally {
    ledger.close();
    await privileged.close();
  }
}

async function roots(
  { instance, directories, createIssuer }: Loaded,
  { store }: Privileged,
  ledger: Database,
  { uid }: Account,
): Promise<Outcome> {
  const issuer = createIssuer({ instance, directories, ledger, clock: systemClock, uid, ...(store === undefined ? {} : { store }) });
  try {
    const found = await issuer.roots();
    return { kind: 'roots', roots: namedCertificates(found.roots), others: namedCertificates(found.chain) };
  } finally {
    await issuer.close();
  }
}

async function enrol(
  { variables }: Extract<IssuerOperation, { kind: 'enrol' }>,
  { instance, directories, flags, createIssuer, readCaFile }: Loaded,
  privileged: Privileged,
  ledger: Database,
  { uid }: Account,
): Promise<Outcome> {
  const { issuer: config } = instance;
  const { store, lock, csrFile, agent } = privileged;
  const issuer = whenNeeded(() =>
    createIssuer({ instance, directories, ledger, clock: systemClock, uid, agent, ...(store === undefined ? {} : { store }) }),
  );
  try {
    const { outcome, code, message } = await pursue(
      {
        instance,
        flags,
        issuer,
        stateDirectory: stateDirectory(directories, instance),
        clock: systemClock,
        alarm,
        assertSavable: (profile) => {
          assertSavable(instance, profile);
        },
        missed: (nickname, { der }) => isMissed(ledger, nickname, sha256(der), systemClock()),
        inPlace: (nickname, { der }) => {
          noteInPlace(ledger, nickname, sha256(der), systemClock());
        },
        masterAlarm: (opened) => rememberedAlarm(instance, opened, ledger, systemClock()),
        ...(store === undefined ? {} : { store }),
        ...(lock === undefined ? {} : { lock }),
        ...(csrFile === undefined ? {} : { csrFile }),
        ...(config.type === 'dogtag' ? { caFile: () => readCaFile(config.caFile).certificates } : {}),
      },
      variables,
    );
    rememberOutcome(ledger, variables, { code, message, at: systemClock(), uid });
    return outcome;
  } finally {
    await issuer.close();
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Not every way goes by the issuer: what it needs may be missing then. */
function whenNeeded(create: () => Issuer): Issuer {
  let made: Issuer | undefined;
  const issuer = () => (made ??= create());
  return {
    enrol: async (enrolment) => issuer().enrol(enrolment),
    roots: async () => issuer().roots(),
    close: async () => made?.close(),
  };
}
