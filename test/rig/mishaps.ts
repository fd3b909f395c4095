import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SoftToken } from './soft-token.js';
import type { Mishap, Ran, Steps } from './steps.js';

/** What a command changes: objects of the token, files, what the ledger has committed. Who was logged in when, and SQLite's own journals, are proved elsewhere. */
const changes = /^pkcs11 C_(?:InitToken|InitPIN|CreateObject|DestroyObject|SetAttributeValue|GenerateKeyPair|Sign)$|^(?:create|rename|unlink|link|mkdir|rmdir) (?!.*(?:\/\.pins|-journal$))|^f(?:data)?sync .*ledger\.sqlite$/u;
const needsRoom = /^(?:create|mkdir|rename) (?!.*(?:\/\.pins|-journal$))|^f(?:data)?sync .*ledger\.sqlite$/u;
const needsToken = /^pkcs11 C_(?:Login|GenerateKeyPair|SetAttributeValue|SignInit|Sign|CreateObject|DestroyObject|CloseSession|InitToken|InitPIN)$/u;

/** Every place at which a command of these steps may be killed, lose its token, or find the disk full, as far as they differ in what has been changed before. */
export function mishapsOf(steps: readonly string[], tokenDirectory: string): Mishap[] {
  return steps.flatMap((step, index): Mishap[] => {
    const [at, before] = [index + 1, steps[index - 1] ?? ''];
    return [
      ...(changes.test(step) && !changes.test(before) ? [{ what: 'killed before' as const, at }] : []),
      ...(changes.test(step) ? [{ what: 'killed after' as const, at }] : []),
      ...(needsRoom.test(step) ? [{ what: 'disk full' as const, at }] : []),
      ...(needsToken.test(step) ? [{ what: 'unplugged' as const, at, tokenDirectory }] : []),
      ...(needsToken.test(step) && changes.test(step) ? [{ what: 'removed' as const, at }] : []),
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
  readonly command: readonly string[];
  /** After the second run: what is wrong, in words. Throwing is wrong too. */
  readonly check: (second: Ran) => Promise<readonly string[]> | readonly string[];
}

export interface Verdict {
  readonly trials: number;
  /** Where, and what is wrong. */
  readonly faults: readonly string[];
}

/** Runs the command once undisturbed, and then for each mishap once with it and once again without, always from the same beginning. */
export async function disturb({ steps, token, directory, aside, command, check }: Trial): Promise<Verdict> {
  execFileSync('cp', ['-a', directory, aside]);
  const back = () => {
    for (const name of readdirSync(directory)) execFileSync('rm', ['-rf', path.join(directory, name)]);
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
  const faults = whole.exitCode === 0 ? (await judged(whole)).map((fault) => `undisturbed: ${fault}`) : [`undisturbed: exit ${String(whole.exitCode)}: ${whole.err}`];
  const mishaps = mishapsOf(whole.steps, token.tokenDirectory);
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
    faults.push(...wrong.map((fault) => `${mishap.what} ${String(mishap.at)} (${whole.steps[mishap.at - 1] ?? ''}): ${fault}; first: ${first.err.trim()}; second: ${String(second.exitCode)} ${second.err.trim()}`));
  }
  back();
  execFileSync('rm', ['-rf', aside]);
  return { trials: mishaps.length, faults };
}

/** A failure is one sentence or two about what was tried and what to do, never a crash. */
function unclear({ what }: Mishap, { exitCode, err }: Ran): string[] {
  if (what === 'killed before' || what === 'killed after' || exitCode === 0) return [];
  const blamed = what === 'disk full' && err.includes('PKCS#11 module') ? ['the module is blamed for a full disk'] : [];
  return exitCode === 1 && err.trim().endsWith('.') && !/INTERNAL|\n\s+at /u.test(err) ? blamed : [...blamed, `exit ${String(exitCode)} without a sentence`];
}
