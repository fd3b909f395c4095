import type { InstanceSite } from '../config/instance.js';
import { sameHost } from '../directory/master-alarm.js';
import { HsmongerError } from '../errors.js';
import { directoryOf, type ServersLook } from '../renewal/look-at-servers.js';
import { askService } from '../service/ask.js';
import type { AddCommand, Surroundings } from './command.js';
import { instanceOf, type GlobalOptions } from './global-options.js';
import { judgeNewMaster } from './master/judge.js';
import { serverTable } from './master/report.js';
import { harmless, json } from './output.js';
import { questionsFor } from './setup/questions.js';

interface SetOptions extends GlobalOptions {
  readonly host: string | undefined;
  readonly withoutKra: boolean;
  readonly yes: boolean;
}

/** `master show`, `master set`: who renews what all servers of the CA share. */
export const addMaster: AddCommand = (yargs, run) =>
  yargs.command('master', 'The server that renews for all: see it, name it', (master) =>
    master
      .command(
        'show',
        'The servers of the CA, which of them renews, and whether they answer',
        (shown) => shown.example('hsmonger master show --json', 'For programs; exit status 3 when something needs attention'),
        run(show),
      )
      .command(
        'set [host]',
        'Name the renewal master; the one before is none any more',
        (named) =>
          named
            .positional('host', { type: 'string', describe: 'Its name in the directory [this server]' })
            .option('without-kra', { type: 'boolean', default: false, describe: 'Take a server without a KRA though others have one' })
            .option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Ask nothing' })
            .example('hsmonger master set', 'This server'),
        run(set),
      )
      .demandCommand(1, 'Name what to do: show or set.'),
  );

async function show(options: GlobalOptions, { io, env }: Surroundings): Promise<number> {
  const look = await lookAt(instanceOf(options, env));
  io.out(options.json ? json(look) : serverTable(look, io.colour));
  return look.alarm === undefined ? 0 : 3;
}

/** Others may write the same entries at the same time. */
const attempts = 3;

async function set(options: SetOptions, { io, env }: Surroundings): Promise<number> {
  const place = instanceOf(options, env);
  const wanted = options.host ?? directoryOf(place.instance).host;
  for (let attempt = 1; ; attempt++) {
    const { host, already, concerns } = judgeNewMaster((await lookAt(place)).servers, wanted, options.withoutKra);
    if (already) return end(options, io, place, host, false);
    for (const concern of concerns) io.err(`hsmonger: ${harmless(concern)}\n`);
    if (concerns.length > 0 && !(await questionsFor(io, options.yes).confirm(`Make '${harmless(host)}' the renewal master all the same?`)))
      return 1;
    try {
      await askService(place, 'set renewal master', { host });
      return await end(options, io, place, host, true);
    } catch (error) {
      // Read and judged anew: what somebody else made of it may be another thing altogether.
      if (!(error instanceof HsmongerError && error.code === 'DIRECTORY_CHANGED') || attempt === attempts) throw error;
    }
  }
}

/** Over a connection of its own: what the directory says now, not what was sent to it. */
async function end(options: SetOptions, io: Surroundings['io'], place: InstanceSite, host: string, changed: boolean): Promise<number> {
  const look = await lookAt(place);
  const [master, ...more] = look.servers.filter(({ renewalMaster }) => renewalMaster);
  if (master === undefined || more.length > 0 || !sameHost(master.host, host)) {
    throw new HsmongerError(
      'MASTER_UNKNOWN',
      `'${host}' was named renewal master, but the directory now says otherwise: ${look.alarm ?? `it is '${master?.host ?? 'none'}'`}`.replace(
        /\.?$/u,
        '.',
      ),
    );
  }
  if (options.json) io.out(json({ master: host, changed, servers: look.servers }));
  else
    io.out(
      `${harmless(host)} ${changed ? 'is the renewal master now; every server takes what it publishes' : 'is the renewal master already'}.\n`,
    );
  return look.alarm === undefined ? 0 : 3;
}

function lookAt(place: InstanceSite): Promise<ServersLook> {
  directoryOf(place.instance);
  return askService(place, 'look at servers', { all: true });
}
