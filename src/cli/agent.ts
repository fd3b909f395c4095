import { runAgent } from '../agent/agent.js';
import { logTo } from '../agent/log.js';
import { HsmongerError } from '../errors.js';
import { onFirstSignal } from '../platform/first-signal.js';
import { keepHeapSmall } from '../platform/small-heap.js';
import { runningAsRoot } from '../platform/service-user.js';
import type { AddCommand, Surroundings } from './command.js';
import { addAgentQuestions } from './agent/ask.js';
import { dryRun } from './agent/dry-run.js';
import { pathFlag, wholeNumber } from './flags.js';
import { directoriesOf, type GlobalOptions } from './global-options.js';
import { harmless } from './output.js';
import { version } from './version.js';

interface AgentOptions extends Omit<GlobalOptions, 'instance'> {
  readonly instance: string | undefined;
  readonly poll: number | undefined;
  readonly dryRun: boolean;
  readonly picture: string | undefined;
}

/**
 * A replica serves within a minute what the renewal master published, by the poll alone too: certmonger saves one certificate after the
 * other, a few seconds each, so that much of the minute is theirs.
 */
const pollSeconds = 30;

const lingerMs = 2000;

/** `agent`: the daemon that looks after all instances. */
export const addAgent: AddCommand = (yargs, run) =>
  yargs.command(
    'agent',
    'Run in the foreground and look after every instance: notice what is stuck, heal it, show it; SIGHUP reads the files again',
    (agent) =>
      addAgentQuestions(agent, run)
        .option('instance', {
          type: 'string',
          requiresArg: true,
          default: undefined,
          describe: 'This instance alone [all there are files for]',
        })
        .option('poll', {
          type: 'string',
          requiresArg: true,
          coerce: wholeNumber('poll', 0, 9_999_999),
          describe: 'Ask the directory every so many seconds besides [30]',
        })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Print the calendar of the next 12 months, and change nothing' })
        .option('picture', {
          ...pathFlag,
          describe: 'With --dry-run: draw it into this SVG file too',
        }),
    run((options: AgentOptions, surroundings) => (options.dryRun ? dryRun(options, surroundings) : look(options, surroundings))),
  );

async function look(options: AgentOptions, { io, env, clock, signal }: Surroundings): Promise<number> {
  // Not yargs' implies: a default, false too, counts as given there.
  if (options.picture !== undefined)
    throw new HsmongerError(
      'USAGE',
      '--picture draws the calendar that --dry-run prints, so give both; without them the agent runs and draws nothing.',
    );
  if (!runningAsRoot())
    throw new HsmongerError(
      'NOT_PERMITTED',
      'The agent speaks to certmonger and binds to the directory: run it as root, best by its unit, hsmonger-agent.service.',
    );
  keepHeapSmall();
  const stop = new AbortController();
  const end = () => {
    stop.abort();
  };
  const deaf = onFirstSignal('SIGTERM', end);
  signal.addEventListener('abort', end, { once: true });
  const log = logTo((text) => {
    io.err(`${harmless(text.slice(0, -1))}\n`);
  }, env);
  try {
    await runAgent(
      { directories: directoriesOf(options, env), bus: options.bus, only: options.instance, pollMs: (options.poll ?? pollSeconds) * 1000 },
      {
        env,
        log,
        clock,
        version: version(),
        signal: stop.signal,
        onReload: (listener) => {
          process.on('SIGHUP', listener);
          return () => process.removeListener('SIGHUP', listener);
        },
      },
    );
    // Whatever a part left open would keep the process.
    setTimeout(() => process.exit(0), lingerMs).unref();
    return 0;
  } finally {
    deaf();
  }
}
