import path from 'node:path';
import { directoryFlags } from '../config/directories.js';
import type { Directories, Instance } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import type { Installation } from '../platform/installation.js';

/** What a command line certmonger runs is made of. */
export interface CommandLineParts {
  readonly instance: Pick<Instance, 'name'>;
  readonly directories: Directories;
  readonly installation: Pick<Installation, 'executables'>;
}

/** The CA's external-helper: what `add_known_ca` registers. */
export function submitCommand(parts: CommandLineParts): string {
  return commandLine([executable(parts, 'hsmonger-submit'), '--instance', parts.instance.name, ...directoryFlags(parts.directories)]);
}

export function preSaveCommand(parts: CommandLineParts, id: string): string {
  return hookCommand(parts, 'hsmonger-pre-save', id);
}

export function postSaveCommand(parts: CommandLineParts, id: string): string {
  return hookCommand(parts, 'hsmonger-post-save', id);
}

function hookCommand(parts: CommandLineParts, program: string, id: string): string {
  return commandLine([
    executable(parts, program),
    '--instance',
    parts.instance.name,
    '--request',
    id,
    ...directoryFlags(parts.directories),
  ]);
}

function executable({ installation }: CommandLineParts, program: string): string {
  return path.join(installation.executables, program);
}

/**
 * Words as certmonger splits them (subproc.c:307-427): there is no shell, `'…'` groups, and nothing can be escaped, inside quotes
 * or out. A word that holds a quote, a backslash or a line break therefore cannot be said at all.
 */
function commandLine(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}

function quoted(word: string): string {
  if (/['\\\n\r\0]/u.test(word)) {
    throw new HsmongerError(
      'CONFIG_INVALID',
      `certmonger cannot run a command line that holds '${word}': its parser has no way to write a quote, a backslash or a line break. Move it to a path without one.`,
    );
  }
  return /^[A-Za-z0-9._/:@=+-]+$/u.test(word) ? word : `'${word}'`;
}
