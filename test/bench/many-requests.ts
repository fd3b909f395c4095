import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getcert, getcertRecords, startCertmonger } from '../rig/certmonger.js';
import { caNickname, type Site } from './site.js';

/** Leaves so many requests' files below `directory` for the certmonger that is started there next: 'hsmonger-0', 'hsmonger-1'… */
export async function manyRequests(site: Site, bus: { readonly address: string }, directory: string, count: number): Promise<void> {
  multiply(await requestFile(site, bus, directory), path.join(directory, 'certmonger', 'requests'), count);
}

/** Lets certmonger track one certificate on the token, one with years left, and gives the file it wrote. */
async function requestFile(site: Site, bus: { readonly address: string }, directory: string): Promise<string> {
  const certmonger = await startCertmonger({ directory, bus, token: site.token });
  const { token, nss } = site;
  const tracking = [
    '-d',
    nss.database,
    '-n',
    caNickname,
    '-t',
    token.label,
    '-p',
    token.pinFile,
    '-c',
    'SelfSign',
    '-T',
    'caCACert',
    '-I',
    'hsmonger-0',
    '-B',
    '/usr/bin/true',
    '-C',
    '/usr/bin/true',
  ];
  await getcert(bus, ['start-tracking', ...tracking]);
  // The file says what it is to be at the next start: at rest, so that nothing goes on there.
  for (const end = Date.now() + 60_000; (await getcertRecords(bus)).get('hsmonger-0')?.get('status') !== 'MONITORING'; await sleep(100))
    if (Date.now() > end) throw new Error('certmonger did not get the request to rest.');
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
    writeFileSync(path.join(directory, String(20260101000000 + index)), moved.replace(/^id=.*$/mu, `id=hsmonger-${String(index)}`), {
      mode: 0o600,
    });
  }
}
