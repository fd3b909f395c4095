import { directoriesFrom } from '../config/directories.js';
import type { CertificateConfig, InstanceSite } from '../config/instance.js';
import { loadInstance } from '../config/load.js';
import { HsmongerError, asHsmongerError, helperReaction, sentenceOf } from '../errors.js';
import { run } from '../platform/run.js';
import { readFlags, type Flags } from '../protocol/flags.js';
import { restartUnit, startGuarded, stopGuarded } from '../renewal/guard.js';
import { serverOf } from '../renewal/plan.js';
import type { SaveReport } from '../renewal/save.js';
import { requestIds } from '../config/request-id.js';
import { askService } from './ask.js';
import { keepFileModes } from './file-modes.js';
import { finishSavings, sentencesOfLeft } from './finish-savings.js';
import { relieve, scheduleRetry, standIn } from './retry.js';
import { whileServerStopped } from './server-stopped.js';

type Environment = Readonly<Record<string, string | undefined>>;
interface Means {
  readonly ask: typeof askService;
  readonly run: typeof run;
}

interface HookSite extends Means, InstanceSite {
  /** To the system log and to stderr. */
  readonly log: (priority: 'err' | 'warning' | 'info', message: string) => Promise<void>;
}

interface Hook extends HookSite {
  readonly nickname: string;
  readonly certificate: CertificateConfig;
}

/** Tried again after so long where nothing says how long it has been waiting. */
const firstRetrySeconds = 60;

/**
 * certmonger's pre-save command: checks and notes that a saving begins; stops a unit only where the instance file asks for it. Gives the
 * exit code.
 */
export function preSave(argv: readonly string[], env: Environment, means: Means = { ask: askService, run }): Promise<number> {
  return asHook('hsmonger-pre-save', argv, env, means, async (place, flags) => {
    const hook = hookOf(place, flags);
    // Until post-save has ended: it may be killed before it can do anything.
    await standIn(hook, flags.request ?? '', hook.run);
    // Root's part of what an earlier kill left, a unit that was not restarted, is this hook's to do.
    await finish(hook).catch((trouble: unknown) => hook.log('err', sentenceOf(trouble)));
    for (const warning of await hook.ask(hook, 'before saving', { nickname: hook.nickname })) await hook.log('warning', warning);
    await stopGuarded(hook.instance, hook.run);
  });
}

/**
 * certmonger's post-save command: everything certmonger leaves undone, while the PKI server is stopped, then its start and other units'
 * restart. With --resume, as our own timer runs it: what earlier savings left. Gives the exit code.
 */
export function postSave(argv: readonly string[], env: Environment, means: Means = { ask: askService, run }): Promise<number> {
  const resume = argv.includes('--resume');
  return asHook(
    'hsmonger-post-save',
    argv.filter((word) => word !== '--resume'),
    env,
    means,
    async (place, flags) => {
      const work = resume ? () => finish(place) : () => saveNow(hookOf(place, flags));
      const request = resume ? 'resume' : (flags.request ?? '');
      await standIn(place, request, place.run);
      try {
        await work();
      } finally {
        await relieve(place, request, place.run);
      }
    },
  );
}

async function saveNow(hook: Hook): Promise<void> {
  try {
    const report = await saved(hook);
    await hook.log(
      'info',
      `'${report.nickname}' renewed: serial ${report.newCertificate.serial}, until ${report.newCertificate.notAfter}; ${String(report.removed.length)} superseded removed${report.retained === 0 ? '' : `, ${String(report.retained)} kept for the other servers`}.`,
    );
    await restart(hook, report.restart !== undefined);
    if (report.left.length > 0) await scheduleRetry(hook, report.retryAfterSeconds, hook.run);
  } catch (error) {
    // What pre-save stopped must not stay stopped because the saving met trouble (design rule 7).
    await startGuarded(hook.instance, hook.run).catch((trouble: unknown) =>
      hook.log('err', `The unit that was stopped could not be started: ${sentenceOf(trouble)}`),
    );
    if (typeof helperReaction(asHsmongerError(error).code) !== 'string') await scheduleRetry(hook, firstRetrySeconds, hook.run);
    throw error;
  }
}

/** The service user's part. A server is stopped for it once nothing but trouble on the way can keep it from being done. */
async function saved(hook: Hook): Promise<SaveReport> {
  const { instance, nickname, certificate } = hook;
  for (const warning of await keepFileModes(certificate, hook.run)) await hook.log('warning', warning);
  const save = (serverRuns?: string) => hook.ask(hook, 'after saving', { nickname, serverRuns });
  const tell = (sentence: string) => hook.log('warning', sentence);
  let report: SaveReport;
  if (serverOf(instance, certificate) === undefined) {
    report = await save();
  } else {
    await hook.ask(hook, 'prepare saving', { nickname });
    report = await whileServerStopped(instance, { run: hook.run, tell }, save);
  }
  for (const sentence of [...report.warnings, ...sentencesOfLeft(report)]) await tell(sentence);
  return report;
}

/** Starts what was stopped, restarts what is to be restarted, and notes that the saving is complete. */
async function restart(hook: Hook, wanted: boolean): Promise<void> {
  const startedNow = await startGuarded(hook.instance, hook.run);
  if (!wanted) return;
  await restartUnit(hook.instance, startedNow, hook.run);
  await hook.ask(hook, 'finish saving', { nickname: hook.nickname });
}

async function finish(place: HookSite): Promise<void> {
  await finishSavings(place, (sentence) => place.log('warning', sentence), place);
}

async function asHook(
  program: string,
  argv: readonly string[],
  env: Environment,
  means: Means,
  work: (place: HookSite, flags: Flags) => Promise<void>,
): Promise<number> {
  const log: HookSite['log'] = (priority, message) => tellSystem(program, priority, message, means.run);
  try {
    const flags = readFlags(argv);
    if (flags.unknown !== undefined || flags.instance === undefined) throw usage(program, flags.unknown);
    const directories = directoriesFrom(flags, env);
    await work({ ...means, log, directories, instance: loadInstance(directories, flags.instance) }, flags);
    return 0;
  } catch (error) {
    const { code, message } = asHsmongerError(error);
    await log('err', `${code}: ${message}`);
    return 1;
  }
}

function hookOf(place: HookSite, { request }: Flags): Hook {
  const { instance } = place;
  if (request === undefined) throw usage('A hook');
  for (const certificate of instance.certificates) {
    const { nickname } = certificate;
    if (requestIds(instance).get(nickname) === request) return { ...place, nickname, certificate };
  }
  throw new HsmongerError(
    'REQUEST_NOT_FOUND',
    `${instance.file} has no certificate whose tracking request is '${request}'; run 'hsmonger track plan --instance ${instance.name}'.`,
  );
}

function usage(program: string, unknown?: string): HsmongerError {
  return new HsmongerError(
    'USAGE',
    `${program} wants --instance NAME and --request ID${unknown === undefined ? '' : `, and does not know '${unknown}'`}.`,
  );
}

/** certmonger gives its hooks no output (hook.c: /dev/null), so the system log is told as well. That it cannot be told changes nothing. */
async function tellSystem(program: string, priority: 'err' | 'warning' | 'info', message: string, execute: typeof run): Promise<void> {
  process.stderr.write(`${program}: ${message}\n`);
  try {
    await execute('logger', ['-t', program, '-p', `daemon.${priority}`, '--', message], { timeoutMs: 5000 });
  } catch (error) {
    process.stderr.write(`${program}: the system log was not told: ${sentenceOf(error)}\n`);
  }
}
