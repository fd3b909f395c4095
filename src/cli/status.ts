import { setTimeout as sleep } from 'node:timers/promises';
import type { AddCommand, Surroundings } from './command.js';
import { instanceOf, type GlobalOptions } from './global-options.js';
import { json } from './output.js';
import { agentView, withAgentView } from './status/agent-view.js';
import { gatherStatus } from './status/gather.js';
import { needsAttention, statusTable } from './status/table.js';

interface StatusOptions extends GlobalOptions {
  readonly watch: boolean;
}

const watchMs = 5000;

/** `status`: one line for each certificate; exit 3 when something needs attention. */
export const addStatus: AddCommand = (yargs, run) =>
  yargs.command(
    'status',
    'One line for each certificate: state, days left, next renewal, problem',
    (status) =>
      status
        .option('watch', { type: 'boolean', default: false, describe: 'Look again every 5 seconds until interrupted' })
        .example('hsmonger status --json', 'For programs; exit status 3 when something needs attention'),
    run(status),
  );

async function status(options: StatusOptions, surroundings: Surroundings): Promise<number> {
  const { io, env, clock, signal } = surroundings;
  const place = instanceOf(options, env);
  for (;;) {
    const [looked, seen] = await Promise.all([
      gatherStatus(place, options.bus, env, clock()),
      agentView(place.instance.name, options.bus, env),
    ]);
    const report = withAgentView(looked, seen);
    if (options.watch && io.interactive && !options.json) io.out('\u001b[H\u001b[2J');
    io.out(options.json ? json(report) : statusTable(report, io.colour));
    const exitCode = needsAttention(report) ? 3 : 0;
    if (!options.watch) return exitCode;
    await sleep(watchMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return exitCode;
  }
}
