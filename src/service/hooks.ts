import { directoriesFrom } from '../config/directories.js';
import type { Directories, Instance } from '../config/instance.js';
import { loadInstance } from '../config/load.js';
import { HsmongerError, asHsmongerError, sentenceOf } from '../errors.js';
import { run } from '../platform/run.js';
import { readFlags } from '../protocol/flags.js';
import { restartUnit, startGuarded, stopGuarded } from '../renewal/guard.js';
import { requestIds } from '../config/request-id.js';
import { askService } from './ask.js';
import { finishSavings } from './finish-savings.js';

type Environment = Readonly<Record<string, string | undefined>>;
interface Hook {
  readonly instance: Instance;
  readonly directories: Directories;
  readonly nickname: string;
}

/** certmonger's pre-save command: checks and notes that a saving begins; stops a unit only where the instance file asks for it. Gives the exit code. */
export function preSave(argv: readonly string[], env: Environment): Promise<number> {
  return asHook('hsmonger-pre-save', argv, env, async (hook) => {
    // Root's part of what an earlier kill left, a unit that was not restarted, is this hook's to do.
    await finishSavings(hook, (sentence) => log('hsmonger-pre-save', 'warning', sentence)).catch((trouble: unknown) => log('hsmonger-pre-save', 'err', sentenceOf(trouble)));
    for (const warning of await askService(hook, 'before saving', { nickname: hook.nickname })) await log('hsmonger-pre-save', 'warning', warning);
    await stopGuarded(hook.instance, run);
  });
}

/** certmonger's post-save command: everything certmonger leaves undone, then the unit's restart. Gives the exit code. */
export function postSave(argv: readonly string[], env: Environment): Promise<number> {
  return asHook('hsmonger-post-save', argv, env, async (hook) => {
    try {
      const report = await askService(hook, 'after saving', { nickname: hook.nickname });
      for (const warning of report.warnings) await log('hsmonger-post-save', 'warning', warning);
      await log('hsmonger-post-save', 'info', `'${report.nickname}' renewed: serial ${report.newCertificate.serial}, until ${report.newCertificate.notAfter}; ${String(report.removed.length)} superseded removed.`);
      await restart(hook, report.restart !== undefined);
    } catch (error) {
      // What pre-save stopped must not stay stopped because the saving met trouble (design rule 7).
      await startGuarded(hook.instance, run).catch((trouble: unknown) => log('hsmonger-post-save', 'err', `The unit that was stopped could not be started: ${sentenceOf(trouble)}`));
      throw error;
    }
  });
}

/** Starts what was stopped, restarts what is to be restarted, and notes that the saving is complete. */
async function restart(hook: Hook, wanted: boolean): Promise<void> {
  const startedNow = await startGuarded(hook.instance, run);
  if (!wanted) return;
  await restartUnit(hook.instance, startedNow, run);
  await askService(hook, 'finish saving', { nickname: hook.nickname });
}

async function asHook(program: string, argv: readonly string[], env: Environment, work: (hook: Hook) => Promise<void>): Promise<number> {
  try {
    await work(hookOf(program, argv, env));
    return 0;
  } catch (error) {
    const { code, message } = asHsmongerError(error);
    await log(program, 'err', `${code}: ${message}`);
    return 1;
  }
}

function hookOf(program: string, argv: readonly string[], env: Environment): Hook {
  const flags = readFlags(argv);
  if (flags.unknown !== undefined || flags.instance === undefined || flags.request === undefined) {
    throw new HsmongerError('USAGE', `${program} wants --instance NAME and --request ID${flags.unknown === undefined ? '' : `, and does not know '${flags.unknown}'`}.`);
  }
  const directories = directoriesFrom(flags, env);
  const instance = loadInstance(directories, flags.instance);
  for (const [nickname, id] of requestIds(instance)) if (id === flags.request) return { instance, directories, nickname };
  throw new HsmongerError('REQUEST_NOT_FOUND', `${instance.file} has no certificate whose tracking request is '${flags.request}'; run 'hsmonger track plan --instance ${instance.name}'.`);
}

/** certmonger gives its hooks no output (hook.c: /dev/null), so the system log is told as well. That it cannot be told changes nothing. */
async function log(program: string, priority: 'err' | 'warning' | 'info', message: string): Promise<void> {
  process.stderr.write(`${program}: ${message}\n`);
  try {
    await run('logger', ['-t', program, '-p', `daemon.${priority}`, '--', message], { timeoutMs: 5000 });
  } catch (error) {
    process.stderr.write(`${program}: the system log was not told: ${sentenceOf(error)}\n`);
  }
}
