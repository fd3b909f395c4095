import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SoftToken } from './soft-token.js';
import type { Mishap, Plug, Ran, Steps } from './steps.js';

const where = String.raw`(?!.*(?:/\.pins|-journal$))`;
/**
 * What leaves a trace: objects of the token, files, what the ledger holds. Who was logged in when is proved elsewhere, and SQLite's
 * journals are SQLite's.
 */
const changes = new RegExp(
  String.raw`^(?:pkcs11 C_(?:InitToken|InitPIN|CreateObject|DestroyObject|SetAttributeValue|GenerateKeyPair)$|(?:create|rename|unlink|link|mkdir|rmdir) ${where}|f(?:data)?sync .*ledger\.sqlite$)`,
  'u',
);
/** After these, more is written without a step of its own: into the new file; the end of a transaction into the ledger's journal. */
const goesOn = /^(?:create|f(?:data)?sync) /u;
const makesFile = new RegExp(`^create ${where}`, 'u');
const makesDirectory = new RegExp(`^mkdir ${where}`, 'u');
const beginsTransaction = /^(?:create|open) .*ledger\.sqlite-journal$/u;
const needsToken =
  /^pkcs11 C_(?:Login|GenerateKeyPair|SetAttributeValue|SignInit|Sign|CreateObject|DestroyObject|CloseSession|InitToken|InitPIN)$/u;
const acts = /^pkcs11 C_(?:Login|GenerateKeyPair|SetAttributeValue|Sign|CreateObject|DestroyObject|InitToken|InitPIN)$/u;

/**
 * Every place at which a command of these steps may be killed, lose its token, or find the disk full, as far as they differ in what was
 * changed before or in what is asked for.
 * - Killed: after each change, and before one where something was written since the last. Between two changes there are only reads: kill -9
 *   there leaves the same.
 * - The token gone: at each call that changes, signs or logs in, and at the first call after each change. A module that says
 *   CKR_DEVICE_REMOVED does so for those that act, a token whose files are gone (the module's own errors) for the others, unless `every`:
 *   then both for all.
 * - The disk full: a file is made and nothing goes into it, which leaves more behind than one that cannot be made; that too if `every`. A
 *   directory is not made, a transaction not begun. Faults found so far, each by a mishap that is among these without `every`: an EC pair
 *   killed between the CKA_IDs of its two halves; a token killed between C_InitToken and C_InitPIN; a request killed when its file was made
 *   and empty; what a killed backup left beside its archive; the first certificate of a CA that was stored when `ca import` was killed.
 */
export function mishapsOf(steps: readonly string[], plug: Plug, every: boolean): Mishap[] {
  let last: string | undefined;
  let needed = false;
  return steps.flatMap((step, index): Mishap[] => {
    const [at, change, previous, neededBefore] = [index + 1, changes.test(step), last, needed];
    if (change) last = step;
    needed = change ? false : needed || needsToken.test(step);
    const written = previous === undefined || (goesOn.test(previous) && steps[index - 1] !== previous);
    const gone = needsToken.test(step) && (every || acts.test(step) || !neededBefore);
    return [
      ...(change && written ? [{ what: 'killed before' as const, at }] : []),
      ...(change ? [{ what: 'killed after' as const, at }] : []),
      ...(makesDirectory.test(step) || beginsTransaction.test(step) || (every && makesFile.test(step))
        ? [{ what: 'disk full' as const, at }]
        : []),
      ...(makesFile.test(step) ? [{ what: 'files full' as const, at }] : []),
      ...(gone && (every || acts.test(step)) ? [{ what: 'removed' as const, at }] : []),
      ...(gone && (every || !acts.test(step)) ? [{ what: 'unplugged' as const, at, plug }] : []),
    ];
  });
}

export interface Trial {
  readonly steps: Steps;
  readonly token: SoftToken;
  /** Holds all the command touches, the token too; as it is now, it is for each attempt. */
  readonly directory: string;
  /** A place for its copy. */
  readonly aside: string;
  /** Taken away in earnest, at every call. Default: the token's directory is elsewhere. */
  readonly plug?: Plug;
  readonly command: readonly string[];
  /** After the second run: what is wrong, in words. Throwing is wrong too. */
  readonly check: (second: Ran) => Promise<readonly string[]> | readonly string[];
}

export interface Verdict {
  readonly trials: number;
  /** Where, and what is wrong. */
  readonly faults: readonly string[];
}

/** One change of the ledger: killed before and after, the disk full. Less is a rig that sees nothing. */
const fewest = 3;

/** Runs the command once undisturbed, and then for each mishap once with it and once again without, always from the same beginning. */
export async function disturb({ steps, token, directory, aside, plug, command, check }: Trial): Promise<Verdict> {
  execFileSync('cp', ['-a', directory, aside]);
  const back = () => {
    for (const name of readdirSync(directory)) rmSync(path.join(directory, name), { recursive: true });
    execFileSync('cp', ['-a', `${aside}/.`, directory]);
  };
  const judged = async (second: Ran) => {
    try {
      return await check(second);
    } catch (error) {
      return [String(error)];
    }
  };
  const whole = await steps.run(command);
  const faults =
    whole.exitCode === 0
      ? (await judged(whole)).map((fault) => `undisturbed: ${fault}`)
      : [`undisturbed: exit ${String(whole.exitCode)}: ${whole.err}`];
  const mishaps = mishapsOf(whole.steps, plug ?? directoryOf(token), plug !== undefined || process.env['HSMONGER_STEPS'] === 'all');
  if (mishaps.length < fewest)
    faults.push(
      `only ${String(mishaps.length)} places for a mishap were found among the ${String(whole.steps.length)} steps of ${command.join(' ')}`,
    );
  for (const mishap of mishaps) {
    back();
    const first = await steps.run(command, mishap);
    let second = await steps.run(command);
    if (second.err.includes('gave no answer at')) {
      // Killed in the middle of a login: nobody knows what the token made of it, until the PIN is written anew.
      writeFileSync(token.pinFile, `${token.pin}\n`);
      second = await steps.run(command);
    }
    const wrong = [...unclear(mishap, first), ...(await judged(second))];
    faults.push(
      ...wrong.map(
        (fault) =>
          `${mishap.what} ${String(mishap.at)} (${whole.steps[mishap.at - 1] ?? ''}): ${fault}; first: ${first.err.trim()}; second: ${String(second.exitCode)} ${second.err.trim()}`,
      ),
    );
  }
  back();
  execFileSync('rm', ['-rf', aside]);
  return { trials: mishaps.length, faults };
}

function directoryOf({ tokenDirectory }: SoftToken): Plug {
  const away = `${tokenDirectory}.away`;
  return {
    pull: () => {
      renameSync(tokenDirectory, away);
    },
    push: () => {
      if (existsSync(away)) renameSync(away, tokenDirectory);
    },
  };
}

/** What is wrong with the disturbed run itself: a failure is one sentence or two about what was tried and what to do, never a crash. */
function unclear({ what }: Mishap, { exitCode, err }: Ran): string[] {
  if (what === 'killed before' || what === 'killed after') return exitCode === undefined ? [] : ['it came to an end before that step'];
  if (exitCode === 0) return [];
  const blamed =
    (what === 'disk full' || what === 'files full') && err.includes('PKCS#11 module') ? ['the module is blamed for a full disk'] : [];
  return exitCode === 1 && err.trim().endsWith('.') && !/INTERNAL|\n\s+at /u.test(err)
    ? blamed
    : [...blamed, `exit ${String(exitCode)} without a sentence`];
}
