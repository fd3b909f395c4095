import { inspect } from 'node:util';
import yargs from 'yargs';
import { HsmongerError, asHsmongerError, cliExit } from '../errors.js';
import { onFirstSignal } from '../platform/first-signal.js';
import { systemClock } from '../platform/clock.js';
import { addAgent } from './agent.js';
import { addBackup } from './backup.js';
import { addCa } from './ca.js';
import type { AddCommand, Runner } from './command.js';
import { consoleIo } from './console-io.js';
import { addDoctor } from './doctor.js';
import { addGlobalOptions, type GlobalOptions } from './global-options.js';
import type { Io } from './io.js';
import { addLock } from './lock.js';
import { addMaster } from './master.js';
import { harmless } from './output.js';
import { addRenew } from './renew.js';
import { addRestore } from './restore.js';
import { addSetup } from './setup.js';
import { addStatus } from './status.js';
import { addToken } from './token.js';
import { addTrack } from './track.js';
import { addUnlock } from './unlock.js';
import { addUnsetup } from './unsetup.js';
import { version } from './version.js';

const commands: readonly AddCommand[] = [
  addSetup,
  addUnsetup,
  addTrack,
  addRenew,
  addStatus,
  addDoctor,
  addToken,
  addMaster,
  addUnlock,
  addLock,
  addCa,
  addBackup,
  addRestore,
  addAgent,
];

const examples: [string, string][] = [
  ['hsmonger setup', 'Ask what is needed and hand the renewals to certmonger'],
  ['hsmonger status', 'One line for each certificate'],
  ["hsmonger renew --wait 300 'ocspSigningCert cert-pki-ca'", 'Renew now and wait for the new certificate'],
  ['hsmonger token check', 'Sign with every key of the token'],
  ['hsmonger track plan', 'What certmonger would have to change'],
];

/**
 * Runs one command line and gives its exit code: 0 ok, 1 failed, 2 wrong usage or invalid configuration, 3 something needs
 * attention. Never throws; a failure is one sentence on `io.err`, its trace only with -v.
 */
export async function runCli(
  argv: readonly string[],
  io: Io = consoleIo(),
  env: Readonly<Record<string, string | undefined>> = process.env,
  root = '/',
): Promise<number> {
  const interrupted = new AbortController();
  const interrupt = () => {
    interrupted.abort();
  };
  const deaf = onFirstSignal('SIGINT', interrupt);
  let exitCode = 0;
  const run: Runner = (action) => async (options) => {
    const { noColor } = options as GlobalOptions;
    exitCode = await action(options, {
      io: { ...io, colour: io.colour && !noColor },
      env,
      clock: systemClock,
      root,
      signal: interrupted.signal,
    });
  };
  try {
    // With a callback yargs hands its help text over instead of printing it; failures are thrown all the same.
    await parser(run).parseAsync([...argv], {}, (_error, _options, help) => {
      if (help !== '') io.out(`${help}\n`);
    });
    return exitCode;
  } catch (error) {
    return tell(
      asHsmongerError(error),
      io,
      argv.some((word) => word === '-v' || word === '--verbose'),
    );
  } finally {
    deaf();
  }
}

function parser(run: Runner) {
  const start = addGlobalOptions(
    yargs()
      .scriptName('hsmonger')
      .usage('$0 COMMAND\n\nKeeps the certificates of a CA alive whose private keys never leave an HSM.')
      // Request ids and nicknames may look like numbers; one word for each repeatable flag leaves the next one alone.
      .parserConfiguration({
        'parse-numbers': false,
        'parse-positional-numbers': false,
        'greedy-arrays': false,
        'dot-notation': false,
        'boolean-negation': false,
      })
      // Messages are ours and English; yargs would follow LC_ALL.
      .locale('en')
      .exitProcess(false)
      .version(version())
      .help(),
  );
  return commands
    .reduce((parsed, add) => add(parsed, run), start)
    .example(examples)
    .epilogue('Exit status: 0 ok, 1 failed, 2 wrong usage or invalid configuration, 3 something needs attention.')
    .demandCommand(1, 'Name a command.')
    .recommendCommands()
    .strict()
    .check(givenOnce)
    .wrap(120)
    .fail((message, error) => {
      // What the parser finds wrong comes with a message, what a command throws comes without one.
      throw error instanceof HsmongerError || typeof message !== 'string'
        ? error
        : new HsmongerError(
            'USAGE',
            `${/[.?!]$/u.test(message) ? message : `${message}.`} See 'hsmonger --help' or 'hsmonger COMMAND --help'.`,
            { cause: error },
          );
    });
}

/** What may be given more than once, under both spellings yargs knows. */
const repeatable: ReadonlySet<string> = new Set([
  '_',
  'nickname',
  'certificate',
  'chain',
  'module-env',
  'moduleEnv',
  'severity',
  'above',
  'replace',
  'san',
  'eku',
  'permit',
  'exclude',
  'policy',
  'crl-url',
  'crlUrl',
  'ocsp-url',
  'ocspUrl',
  'issuer-url',
  'issuerUrl',
]);

/** A single-valued flag given twice arrives as a list: say so instead of handing a list to code that wants a word. */
function givenOnce(options: Record<string, unknown>): true {
  for (const [name, value] of Object.entries(options)) {
    if (Array.isArray(value) && !repeatable.has(name))
      throw new HsmongerError('USAGE', `Give --${name} once, not ${String(value.length)} times.`);
  }
  return true;
}

function tell(failure: HsmongerError, io: Io, verbose: boolean): number {
  io.err(`hsmonger: ${harmless(failure.message)}\n`);
  if (verbose) io.err(`${failure.code}: ${inspect(failure)}\n`);
  return cliExit(failure.code);
}
