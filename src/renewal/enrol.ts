import path from 'node:path';
import { directoriesFrom, ledgerFile, pinsFile, stateDirectory } from '../config/directories.js';
import type { Directories, Instance } from '../config/instance.js';
import { loadInstance } from '../config/load.js';
import { prepareState } from '../config/prepare-state.js';
import { HsmongerError, asHsmongerError, helperReaction, sentenceOf } from '../errors.js';
import type { Enrolment, Issued, Issuer } from '../issuer/issuer.js';
import { defaultProfile } from '../config/profile-names.js';
import { createTokenIssuer } from '../issuer/token/token-issuer.js';
import type { Database } from '../ledger/database.js';
import { openLedger } from '../ledger/ledger.js';
import { listOutcomes, recordOutcome, type OutcomeRow } from '../ledger/outcomes.js';
import { openPinGuard } from '../ledger/pins.js';
import { openToken } from '../pkcs11/open-token.js';
import { sqliteAddon } from '../platform/addons.js';
import { systemClock } from '../platform/clock.js';
import { frontDescriptors, hasFront } from '../platform/front.js';
import { dropTo, runningAsRoot, type Account, accountOf } from '../platform/service-user.js';
import { startWatchdog } from '../platform/watchdog.js';
import { readFlags } from '../protocol/flags.js';
import type { EnrolVariables, Operation } from '../protocol/operation.js';
import { isExitCode, type NamedCertificate, type Outcome } from '../protocol/outcome.js';
import { parseCertificate } from '../x509/parse-certificate.js';
import { parseCsr } from '../x509/parse-csr.js';
import { keyFingerprint } from '../x509/public-key.js';
import { commonNameOf } from '../x509/name.js';
import { certificateFromPem, certificateToPem, csrFromPem } from '../x509/pem.js';

type TokenOperation = Extract<Operation, { kind: 'enrol' | 'fetch-roots' }>;
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The whole run of the helper for an operation that needs the token: configuration as root, the drop, the issuer, the answer.
 * Never throws: whatever goes wrong is an outcome certmonger understands, and a line on stderr.
 */
export async function answer(operation: TokenOperation, argv: readonly string[], env: Environment): Promise<Outcome> {
  try {
    const { directories, instance } = configuration(argv, env);
    if (instance.drop === 'runuser' && runningAsRoot()) return await throughRunuser(instance, directories, argv, env);
    // Own code and addons are in memory before the drop: afterwards a clone below a closed home directory cannot be read.
    sqliteAddon();
    const account = becomeServiceUser(instance, directories);
    return await withinDeadline(instance, directories, () => outcomeOf(operation, instance, directories, account));
  } catch (error) {
    const outcome = outcomeOfFailure(error);
    // A refusal would make certmonger ask for the roots again after a year (iterate.c:2377-2500).
    return operation.kind === 'fetch-roots' && (outcome.kind === 'rejected' || outcome.kind === 'unconfigured') ? { kind: 'retry', afterSeconds: rootsAgainSeconds } : outcome;
  }
}

const rootsAgainSeconds = 300;

function configuration(argv: readonly string[], env: Environment): { directories: Directories; instance: Instance } {
  const flags = readFlags(argv);
  if (flags.unknown !== undefined) throw new HsmongerError('USAGE', `hsmonger-submit does not know '${flags.unknown}'; its flags are --instance, --config-dir and --state-dir.`);
  const name = flags.instance ?? env['CERTMONGER_CA_NICKNAME'];
  if (name === undefined) throw new HsmongerError('USAGE', 'hsmonger-submit was given no instance: certmonger sets CERTMONGER_CA_NICKNAME, by hand use --instance NAME.');
  const directories = directoriesFrom(flags, env);
  return { directories, instance: loadInstance(directories, name) };
}

function becomeServiceUser(instance: Instance, directories: Directories): Account {
  prepareState(directories, instance, accountOf(instance.user));
  return dropTo(instance.user);
}

/** `drop = "runuser"`: for sites whose PAM session sets up what the HSM needs. The child answers in our place. */
async function throughRunuser(instance: Instance, directories: Directories, argv: readonly string[], env: Environment): Promise<Outcome> {
  const { spawnSync } = await import('node:child_process');
  const account = accountOf(instance.user);
  prepareState(directories, instance, account);
  const { pin } = instance.token;
  const child = spawnSync('runuser', ['-u', account.name, '--', process.execPath, process.argv[1] ?? '', ...argv], {
    // A PIN is never in the environment of a child (design rule 4).
    env: { ...env, ...(pin.from === 'environment' ? { [pin.variable]: undefined } : {}) },
    stdio: ['ignore', 'inherit', 'inherit', ...(hasFront(env) ? Object.values(frontDescriptors) : [])],
    timeout: (instance.helper.deadlineSeconds + 5) * 1000,
    killSignal: 'SIGKILL',
  });
  if (isExitCode(child.status)) return { kind: 'given', exitCode: child.status };
  if (child.signal !== null) throw new HsmongerError('DEADLINE', `runuser -u ${account.name} gave no answer in time and was ended (${child.signal}); check the HSM, and what PAM does in runuser's session.`);
  const how = child.error === undefined ? `ended with status ${String(child.status)} and without an answer` : `could not be started: ${sentenceOf(child.error)}`;
  throw new HsmongerError('DROP_FAILED', `runuser -u ${account.name} ${how}. '${account.name}' must be able to read ${process.argv[1] ?? 'hsmonger-submit'} and PAM must allow runuser; or use drop = "setuid".`);
}

async function outcomeOf(operation: TokenOperation, instance: Instance, directories: Directories, account: Account): Promise<Outcome> {
  const { issuer: config } = instance;
  if (config.type !== 'token') throw new HsmongerError('CONFIG_INVALID', `${instance.file} asks for issuer type '${config.type}', which this version does not have; use type = "token".`);
  const ledger = openLedger(ledgerFile(directories, instance));
  const pins = openPinGuard(pinsFile(directories, instance));
  const issuer: Issuer = createTokenIssuer({ instance, issuer: config, openToken: () => openToken(instance.token, { pins }), ledger, clock: systemClock, uid: account.uid });
  try {
    if (operation.kind === 'fetch-roots') {
      const { roots, chain } = await issuer.roots();
      return { kind: 'roots', roots: named(roots), others: named(chain) };
    }
    const enrolment = enrolmentOf(operation.variables);
    const remember = (code: OutcomeRow['code'], message: string) => { rememberOutcome(ledger, enrolment, { code, message, at: systemClock(), uid: account.uid }); };
    try {
      const answer = await issuer.enrol(enrolment);
      if ('pending' in answer) {
        remember('CA_PENDING', answer.message);
        return { kind: 'retry', afterSeconds: answer.afterSeconds };
      }
      remember('ISSUED', '');
      return issued(answer);
    } catch (error) {
      const { code, message } = asHsmongerError(error);
      remember(code, message);
      throw error;
    }
  } finally {
    await issuer.close();
    pins.close();
    ledger.close();
  }
}

/**
 * Exit 5 clears certmonger's ca-error (submit-e.c:206-232), so this is where `status` finds the reason. Keyed by the old certificate's key, which
 * is there and parses even where the CSR does not. That it cannot be written down must not change the answer.
 */
function rememberOutcome(ledger: Database, { csr, oldCertificate, profile = defaultProfile }: Enrolment, outcome: Pick<OutcomeRow, 'code' | 'message' | 'at' | 'uid'>): void {
  try {
    const subjectKey = keyFingerprint(oldCertificate === undefined ? parseCsr(csr).spki : parseCertificate(oldCertificate).spki);
    // A commit waits for the disk: nothing is written where there is no trouble to take back.
    if (outcome.code === 'ISSUED' && !listOutcomes(ledger).some((row) => row.subjectKey === subjectKey && row.profile === profile && row.code !== 'ISSUED')) return;
    recordOutcome(ledger, { subjectKey, profile, ...outcome });
  } catch (error) {
    process.stderr.write(`hsmonger-submit: the outcome ${outcome.code} could not be written down: ${sentenceOf(error)}\n`);
  }
}

function enrolmentOf({ csr, oldCertificate, profile }: EnrolVariables): Enrolment {
  if (csr === undefined) throw new HsmongerError('REQUEST_INVALID', 'certmonger sent no CERTMONGER_CSR: nothing to sign.');
  return {
    csr: csrFromPem(csr),
    ...(oldCertificate === undefined ? {} : { oldCertificate: certificateFromPem(oldCertificate) }),
    ...(profile === undefined ? {} : { profile }),
  };
}

function issued({ certificate, chain, roots }: Issued): Outcome {
  return { kind: 'issued', certificate: certificateToPem(certificate), chain: chain.map(certificateToPem), roots: named(roots) };
}

function named(certificates: readonly Uint8Array[]): NamedCertificate[] {
  return certificates.map((der) => ({ nickname: commonNameOf(parseCertificate(der).subject), certificate: certificateToPem(der) }));
}

async function withinDeadline(instance: Instance, directories: Directories, work: () => Promise<Outcome>): Promise<Outcome> {
  const seconds = instance.helper.deadlineSeconds;
  const message = `The token or the ledger of instance '${instance.name}' gave no answer within ${String(seconds)} seconds (helper.deadline-seconds); check the HSM and its network.`;
  // Two seconds on: the timer below answers in time unless the main thread itself is blocked.
  const watchdog = startWatchdog(seconds + 2, path.join(stateDirectory(directories, instance), 'watchdog.json'), message);
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_resolve, reject) => {
    // The watchdog stays: a call that hangs in a thread keeps the process from ending even now, and the ledger may be locked by that call.
    timer = setTimeout(() => { reject(new HsmongerError('DEADLINE', message)); }, seconds * 1000);
  });
  const ended = work().finally(() => {
    clearTimeout(timer);
    watchdog.stop();
  });
  return Promise.race([ended, expiry]);
}

function outcomeOfFailure(error: unknown): Outcome {
  const failure = asHsmongerError(error);
  process.stderr.write(`hsmonger-submit: ${failure.code}: ${failure.message}\n`);
  const reaction = helperReaction(failure.code);
  switch (reaction) {
    case 'rejected':
      return { kind: 'rejected', reason: failure.message };
    case 'unconfigured':
      return { kind: 'unconfigured', reason: failure.message };
    default:
      return { kind: 'retry', afterSeconds: reaction.retryAfterSeconds };
  }
}
