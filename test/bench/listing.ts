import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { connectCertmonger } from '../../dbus/certmonger.js';
import { installation } from '../../src/platform/installation.js';
import { startBus } from '../rig/bus.js';
import { startCertmonger } from '../rig/certmonger.js';
import { manyRequests } from './many-requests.js';
import { program } from './program.js';
import { interleave } from './rounds.js';
import { compare, type Comparison } from './row.js';
import type { Site } from './site.js';

/** The same requests of the same daemon, listed by getcert, by our command and by our client within this process. */
export async function benchListing(site: Site, count: number, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  const directory = path.join(site.directory, 'listing');
  mkdirSync(directory);
  const bus = await startBus(directory);
  try {
    await manyRequests(site, bus, directory, count);
    say(`starting certmonger with ${String(count)} requests`);
    const certmonger = await startCertmonger({ directory, bus, token: site.token, patience: 600 });
    try {
      const env = { LC_ALL: 'C', DBUS_SESSION_BUS_ADDRESS: bus.address };
      const complete = (found: number) => {
        if (found !== count) throw new Error(`${String(found)} of ${String(count)} requests were listed.`);
      };
      const records = (listing: Buffer) => {
        complete(listing.toString().split("\nRequest ID '").length - 1);
      };
      const { command, client, peer } = await interleave(rounds, {
        command: () => {
          records(
            program(path.join(installation().executables, 'hsmonger'), ['track', 'list', '--all', '--bus', bus.address, ...site.flags], {
              env: { LC_ALL: 'C' },
            }),
          );
        },
        client: async () => {
          const connection = await connectCertmonger(bus.address);
          complete((await connection.listRequests()).length);
          connection.disconnect();
        },
        peer: () => {
          records(program('getcert', ['list', '-s'], { env }));
        },
      });
      const named = (what: string) => `listing ${String(count)} requests: getcert list / ${what}`;
      return [
        compare(named('hsmonger track list --all'), { timesFaster: 10 }, command, peer),
        compare(named('our D-Bus client, connection included'), { timesFaster: 10 }, client, peer),
      ];
    } finally {
      await certmonger.stop();
    }
  } finally {
    await bus.stop();
  }
}
