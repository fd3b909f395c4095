import { directoryFlags } from '../../../config/directories.js';
import type { Directories } from '../../../config/instance.js';
import { shellWord } from '../../output.js';

interface TokenWithoutInstance {
  readonly module: string;
  readonly label: string;
  readonly pinFile: string;
  readonly user: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly parameters?: string | undefined;
}

/** A `hsmonger token` command, by its words, for a token no instance file names yet: one line for a shell, to be pasted. */
export function tokenCommand(
  words: readonly string[],
  { module, label, pinFile, user, environment, parameters }: TokenWithoutInstance,
  directories: Directories,
): string {
  const variables = Object.entries(environment).flatMap(([name, value]) => ['--module-env', `${name}=${value}`]);
  return [
    'hsmonger',
    'token',
    ...words,
    '--module',
    module,
    '--token',
    label,
    '--pin-file',
    pinFile,
    '--user',
    user,
    ...variables,
    ...(parameters === undefined ? [] : ['--module-parameters', parameters]),
    ...directoryFlags(directories),
  ]
    .map(shellWord)
    .join(' ');
}
