import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connectCertmonger } from '../../dbus/certmonger.js';
import { installation } from '../../src/platform/installation.js';
import { startBus } from '../rig/bus.js';
import { getcert, startCertmonger } from '../rig/certmonger.js';
import { program } from './program.js';
import { interleave } from './rounds.js';
import { compare, type Comparison } from './row.js';
import { caNickname, type Site } from './site.js';

/** The same requests of the same daemon, listed by getcert, by our command and by our client within this process. */
export async function benchListing(site: Site, count: number, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  const directory = path.join(site.directory, 'listing');
  mkdirSync(directory);
  const bus = await startBus(directory);
  try {
    multiply(await requestFile(site, bus, directory), path.join(directory, 'certmonger', 'requests'), count);
    say(`starting certmonger with ${String(count)} requests`);
    const certmonger = await startCertmonger({ directory, bus, token: site.token, patience: 600 });
    try {
      const env = { LC_ALL: 'C', DBUS_SESSION_BUS_ADDRESS: bus.address };
      const complete = (found: number) => {
        if (found !== count) throw new Error(`${String(found)} of ${String(count)} requests were listed.`);
      };
      const records = (listing: Buffer) => { complete(listing.toString().split("\nRequest ID '").length - 1); };
      const { command, client, peer } = await interleave(rounds, {
        command: () => { records(program(path.join(installation().executables, 'hsmonger'), ['track', 'list', '--all', '--bus', bus.address, ...site.flags], { env: { LC_ALL: 'C' } })); },
        client: async () => {
          const connection = await connectCertmonger(bus.address);
          complete((await connection.listRequests()).length);
          connection.disconnect();
        },
        peer: () => { records(program('getcert', ['list', '-s'], { env })); },
      });
      const named = (what: string) => `listing ${String(count)} requests: getcert list / ${what}`;
      return [compare(named('hsmonger track list --all'), { timesFaster: 10 }, command, peer), compare(named('our D-Bus client, connection included'), { timesFaster: 10 }, client, peer)];
    } finally {
      await certmonger.stop();
    }
  } finally {
    await bus.stop();
  }
}

/** Lets certmonger track one certificate on the token, one with years left, and gives the file it wrote. */
async function requestFile(site: Site, bus: { readonly address: string }, directory: string): Promise<string> {
  const certmonger = await startCertmonger({ directory, bus, token: site.token });
  const { token, nss } = site;
  const tracking = ['-d', nss.database, '-n', caNickname, '-t', token.label, '-p', token.pinFile, '-c', 'SelfSign', '-T', 'caCACert', '-I', 'hsmonger-0', '-B', '/usr/bin/true', '-C', '/usr/bin/true'];
  await getcert(bus, ['start-tracking', ...tracking]);
  await certmonger.stop();
  const [file] = readdirSync(certmonger.requestsDirectory);
  return readFileSync(path.join(certmonger.requestsDirectory, file!), 'utf8');
}

/**
 * Adding requests one by one takes minutes, and so does a daemon that opens the token twice for each at its start. What it lists
 * comes from these files: they name a database that is not there, so that opening it ends at once.
 */
function multiply(request: string, directory: string, count: number): void {
  const moved = request.replace(/^(key|cert)_storage_location=.*$/gmu, '$1_storage_location=/nonexistent/alias');
  for (const file of readdirSync(directory)) rmSync(path.join(directory, file));
  for (let index = 0; index < count; index++) {
    writeFileSync(path.join(directory, String(20260101000000 + index)), moved.replace(/^id=.*$/mu, `id=hsmonger-${String(index)}`), { mode: 0o600 });
  }
}
