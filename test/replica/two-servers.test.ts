/**
 * Two servers of one CA with one token: the master renews and publishes, the replica serves. Real 389-ds suppliers that replicate, real
 * certmonger, SoftHSM2; times are from the moment ldapsearch first sees the certificate at the master's supplier to the moment getcert
 * shows it at rest on the replica.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withoutPersistentSearch } from '../rig/no-persistent-search.js';
import { startTwoServers, type TwoServers } from '../rig/two-servers.js';

let servers: TwoServers;
let keys: string[];

beforeAll(async () => {
  servers = await startTwoServers();
  keys = await servers.master.site.privateKeys();
});
afterAll(async () => {
  await servers.stop();
});

const minute = 60_000;
const figures: { readonly how: string; readonly nickname: string; readonly ms: number }[] = [];

afterAll(() => {
  const rows = [...new Set(figures.map(({ how }) => how))].map((how) => {
    const all = figures
      .filter((one) => one.how === how)
      .map(({ ms }) => ms / 1000)
      .sort((a, b) => a - b);
    return {
      'published → served by the replica': how,
      certificates: all.length,
      'min s': all[0]?.toFixed(1),
      'median s': all[Math.floor(all.length / 2)]?.toFixed(1),
      'max s': all.at(-1)?.toFixed(1),
    };
  });
  console.table(rows);
});

/** Renews everything on the master and watches both ends; gives by nickname the certificate and how long the replica took, milliseconds. */
async function renewAll(patienceMs: number): Promise<Map<string, { readonly certificate: X509Certificate; readonly ms: number }>> {
  // What would end within the second of the last one is refused.
  await sleep(1100);
  const before = await servers.published(1);
  const ended = servers.master.site.cli('renew', '--all', '--wait', '240');
  const seen = new Map<string, { readonly certificate: X509Certificate; readonly at: number }>();
  const done = new Map<string, { readonly certificate: X509Certificate; readonly ms: number }>();
  for (const end = Date.now() + 240_000 + patienceMs; done.size < servers.nicknames.length; await sleep(50)) {
    for (const [nickname, [certificate]] of seen.size === servers.nicknames.length ? [] : await servers.published(1)) {
      if (certificate !== undefined && certificate.fingerprint256 !== before.get(nickname)?.[0]?.fingerprint256 && !seen.has(nickname))
        seen.set(nickname, { certificate, at: Date.now() });
    }
    const served = seen.size === 0 ? new Map<string, number>() : await servers.replica.served();
    for (const [nickname, { certificate, at }] of seen)
      if (!done.has(nickname) && served.get(nickname) === Date.parse(certificate.validTo))
        done.set(nickname, { certificate, ms: Date.now() - at });
    if (Date.now() > end)
      throw new Error(
        `${JSON.stringify(await Promise.race([ended, sleep(10)]))} Seen ${[...seen.keys()].join()}, served ${[...done.keys()].join()}\n${(await servers.replica.site.cli('status')).stdout}\n${servers.replica.agent()?.log() ?? ''}\n${servers.replica.site.certmonger.log().slice(-3000)}`,
      );
  }
  const run = await ended;
  expect(run, `${run.stdout}${run.stderr}`).toMatchObject({ exitCode: 0 });
  return done;
}

/** The very same certificate on the token and in both NSS databases, and no key but those there were. */
async function everywhere(renewed: ReadonlyMap<string, { readonly certificate: X509Certificate }>): Promise<void> {
  for (const [nickname, { certificate }] of renewed) {
    for (const server of [servers.master, servers.replica]) {
      expect(
        (await server.site.onToken(nickname)).map((pem) => new X509Certificate(pem).fingerprint256),
        nickname,
      ).toContain(certificate.fingerprint256);
      expect(new X509Certificate((await server.inDatabase(nickname))!).fingerprint256, nickname).toBe(certificate.fingerprint256);
    }
  }
  expect(await servers.master.site.privateKeys()).toEqual(keys);
}

test.each([1, 2, 3])('pushed: all four certificates are served by the replica within a minute, round %i', async () => {
  if (servers.replica.agent() === undefined) await servers.replica.startAgent('--poll', '3600');
  const renewed = await renewAll(minute);
  for (const [nickname, { ms }] of renewed) {
    figures.push({ how: 'push', nickname, ms });
    expect(ms, nickname).toBeLessThan(minute);
  }
  await everywhere(renewed);
});

test('polled, where the directory tells of no changes: within a minute too', async () => {
  const { replica, ds } = servers;
  const deaf = await withoutPersistentSearch(ds.servers[1]!.ldapi, path.join(replica.site.directory, 'deaf.socket'));
  const before = readFileSync(replica.file, 'utf8');
  writeFileSync(replica.file, before.replace(/^uri = .*$/mu, `uri = ${JSON.stringify(deaf.uri)}`));
  try {
    const agent = await replica.startAgent();
    await agent.until(/tells of no changes, so it is asked from time to time instead/u, 20_000);
    for (let round = 0; round < 2; round++) {
      const renewed = await renewAll(2 * minute);
      for (const [nickname, { ms }] of renewed) {
        figures.push({ how: 'poll', nickname, ms });
        expect(ms, nickname).toBeLessThan(minute);
      }
      await everywhere(renewed);
    }
  } finally {
    writeFileSync(replica.file, before);
    await replica.agent()?.stop();
    await deaf.stop();
  }
}, 900_000);
