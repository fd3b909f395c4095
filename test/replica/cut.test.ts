/**
 * The network between the two servers' suppliers is cut and healed: nothing old is taken for new, and after two masters there is one
 * certificate again.
 */
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { caNickname, startTwoServers, type CaServer, type TwoServers } from '../rig/two-servers.js';

const ocsp = 'ocspSigningCert cert-pki-ca';
const audit = 'auditSigningCert cert-pki-ca';
const subsystem = 'subsystemCert cert-pki-ca';

let servers: TwoServers;
let keys: string[];

beforeAll(async () => {
  servers = await startTwoServers();
  keys = await servers.master.site.privateKeys();
  await servers.master.startAgent();
  await servers.replica.startAgent();
});
afterAll(async () => {
  await servers.stop();
});

async function until(what: string, patienceMs: number, holds: () => Promise<boolean>): Promise<number> {
  for (const [start, end] = [Date.now(), Date.now() + patienceMs]; ; await sleep(200)) {
    if (await holds()) return Date.now() - start;
    if (Date.now() < end) continue;
    const { master, replica } = servers;
    throw new Error(
      `Not ${what} within ${String(patienceMs / 1000)} s.\n${JSON.stringify([...(await servers.published(1))].map(([name, all]) => [name, all.map(({ validTo }) => validTo)]))}\nmaster:\n${master.agent()?.log() ?? ''}\n${(await master.site.cli('status')).stdout}\nreplica:\n${replica.agent()?.log() ?? ''}\n${(await replica.site.cli('status')).stdout}`,
    );
  }
}

async function renew(server: CaServer, ...nicknames: string[]): Promise<void> {
  const run = await server.site.cli('renew', '--wait', '240', ...nicknames);
  expect(run, `${run.stdout}${run.stderr}`).toMatchObject({ exitCode: 0 });
}

const serves = async (server: CaServer, nickname: string, certificate: X509Certificate) =>
  (await server.served()).get(nickname) === Date.parse(certificate.validTo);
const only = async (supplier: 1 | 2, nickname: string): Promise<X509Certificate> => {
  const all = (await servers.published(supplier)).get(nickname) ?? [];
  expect(all, nickname).toHaveLength(1);
  return all[0]!;
};
const conflicts = async (supplier: 1 | 2) =>
  (
    (
      await servers.ds.servers[supplier - 1]!.search(
        '-b',
        `cn=ca_renewal,cn=ipa,cn=etc,${servers.ds.base}`,
        '(&(objectClass=ldapSubEntry)(nsds5ReplConflict=*))',
        'cn',
      )
    ).match(/^dn:/gmu) ?? []
  ).length;

test('cut before the master renews: the replica keeps and shows the old one, waits, and serves the new one once the network is healed', async () => {
  const { ds, master, replica } = servers;
  const old = await replica.served();
  await ds.cut();
  await renew(master, '--all');
  // Asked, it has nothing to say but that it waits.
  expect(await replica.site.cli('renew', ocsp)).toMatchObject({ exitCode: 0 });
  await until('waiting', 30_000, async () => (await replica.site.cli('status')).stdout.includes('has not published a new certificate'));
  for (let looks = 0; looks < 10; looks++, await sleep(1000)) {
    for (const [nickname, ends] of await replica.served()) expect(ends, nickname).toBe(old.get(nickname));
  }
  expect((await replica.site.getcertRecords()).get(`hsmonger.${ocsp.replaceAll(' ', '_')}`)?.get('status')).toBe('CA_WORKING');
  await ds.heal();
  const arrived = await until('at the other supplier', 300_000, async () => {
    const [here, there] = [await servers.published(1), await servers.published(2)];
    return servers.nicknames.every((nickname) => here.get(nickname)?.[0]?.fingerprint256 === there.get(nickname)?.[0]?.fingerprint256);
  });
  const after = await until('served', 60_000, async () => {
    const [published, served] = [await servers.published(2), await replica.served()];
    return servers.nicknames.every((nickname) => served.get(nickname) === Date.parse(published.get(nickname)![0]!.validTo));
  });
  console.log(`healed: all replicated after ${(arrived / 1000).toFixed(1)} s, all served ${(after / 1000).toFixed(1)} s later`);
  expect(replica.issued()).toBe(0);
  expect(await master.site.privateKeys()).toEqual(keys);
});

test('two masters, each renewing while it does not hear the other: with one master again the directory has one certificate, nothing is issued over it, and whoever is master no more serves it', async () => {
  const { ds, master, replica } = servers;
  // An entry each of them has to add, so that one of the two becomes a conflict entry.
  await ds.servers[0]!.change(`dn: cn=${audit},cn=ca_renewal,cn=ipa,cn=etc,${ds.base}\nchangetype: delete\n`);
  await ds.inSync();
  await ds.cut();
  const set = async (server: CaServer, host: string) => {
    expect(await server.site.cli('master', 'set', host, '--yes', '--without-kra'), host).toMatchObject({
      exitCode: expect.any(Number) as number,
      stdout: expect.stringContaining('is the renewal master now') as string,
    });
  };
  // Away and back on one side, so that neither side's change takes the other's away.
  await set(master, 'ca3.example.test');
  await sleep(1100);
  await set(replica, replica.host);
  await sleep(1100);
  await set(master, master.host);

  // The one that renews later has the certificate that lasts longer.
  await renew(replica, ocsp, audit);
  await sleep(1100);
  await renew(master, ocsp, audit);
  const sides = [await servers.published(1), await servers.published(2)];
  const winners = new Map([ocsp, audit].map((nickname) => [nickname, sides[0]!.get(nickname)![0]!]));
  for (const nickname of [ocsp, audit]) {
    const [here, there, ...more] = sides.flatMap((published) => published.get(nickname) ?? []);
    expect(more, nickname).toEqual([]);
    expect(Date.parse(here!.validTo), nickname).toBeGreaterThan(Date.parse(there!.validTo));
  }
  const issued = [master.issued(), replica.issued()];

  await ds.heal();
  await ds.inSync(300_000);
  const shown = await master.site.cli('master', 'show');
  expect(shown.exitCode).toBe(3);
  expect(shown.stdout).toMatch(
    /'ca1\.example\.test' and 'ca2\.example\.test' are both renewal master.*'hsmonger master set ca1\.example\.test'/su,
  );
  // Neither of the two takes anything away while there are two.
  await sleep(10_000);
  expect((await conflicts(1)) + (await conflicts(2))).toBe(2);
  await ds.inSync();

  await set(master, master.host);
  await ds.inSync();
  for (const { site } of [master, replica])
    expect((await site.cli('master', 'show', '--json')).stdout).toMatch(/"host": "ca1\.example\.test"[^}]*"renewalMaster": true/u);
  const tidy = await until('one and the same in the directory', 60_000, async () => {
    const all = [await servers.published(1), await servers.published(2)];
    return (
      (await conflicts(1)) + (await conflicts(2)) === 0 &&
      all.every(
        (published) =>
          [...published.values()].every(({ length }) => length === 1) &&
          [ocsp, audit].every((nickname) => published.get(nickname)?.[0]?.fingerprint256 === winners.get(nickname)!.fingerprint256),
      )
    );
  });
  console.log(`two masters: one certificate in the directory ${(tidy / 1000).toFixed(1)} s after there was one master`);
  const took = await until("the winner's everywhere", 120_000, async () =>
    (
      await Promise.all(
        [ocsp, audit].flatMap((nickname) =>
          [master, replica].map(
            async (server) =>
              (await serves(server, nickname, winners.get(nickname)!)) &&
              new X509Certificate((await server.inDatabase(nickname))!).fingerprint256 === winners.get(nickname)!.fingerprint256,
          ),
        ),
      )
    ).every(Boolean),
  );
  console.log(`one master again: the other serves the winner ${(took / 1000).toFixed(1)} s later`);
  for (const nickname of [ocsp, audit])
    for (const supplier of [1, 2] as const)
      expect((await only(supplier, nickname)).fingerprint256, nickname).toBe(winners.get(nickname)!.fingerprint256);
  expect([master.issued(), replica.issued()]).toEqual(issued);
  expect(await master.site.privateKeys()).toEqual(keys);
});

test('one master again: the other takes what it publishes', async () => {
  const { master, replica } = servers;
  await renew(master, caNickname, subsystem);
  for (const nickname of [caNickname, subsystem])
    await until(`${nickname} served`, 60_000, async () => serves(replica, nickname, await only(1, nickname)));
});
