/**
 * kill -9 of either side at every step while the master renews and the replica takes: everything ends right, nothing is issued twice, no
 * key changes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killAll, killFamily, running, watchFor } from '../rig/prey.js';
import { getcert } from '../rig/certmonger.js';
import { startTwoServers, type CaServer, type TwoServers } from '../rig/two-servers.js';

const ocsp = 'ocspSigningCert cert-pki-ca';
const id = `hsmonger.${ocsp.replaceAll(' ', '_')}`;

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

const statusOf = async ({ site }: CaServer) => (await site.getcertRecords()).get(id)?.get('status') ?? 'none';
const publishedNow = async () => (await servers.published(1)).get(ocsp) ?? [];
const resubmit = ({ site }: CaServer) => getcert(site.bus, ['resubmit', '-i', id], [0, 1]);
const shellOf = ({ site }: CaServer) =>
  watchFor("hsmonger-submit's shell", () => running('hsmonger-submit', site.directory, 'shell')[0]).pid;

/**
 * Until both serve one certificate that was published after `before`; an administrator does what `status` says where the master's
 * certmonger is at a loss and has published nothing.
 */
async function ends(before: X509Certificate): Promise<void> {
  const { master, replica } = servers;
  for (const end = Date.now() + 240_000; ; await sleep(500)) {
    const [published] = await publishedNow();
    const fresh = published !== undefined && published.fingerprint256 !== before.fingerprint256;
    const serving = await Promise.all(
      [master, replica].map(async (server) => (await server.served()).get(ocsp) === Date.parse(published?.validTo ?? '')),
    );
    if (fresh && serving.every(Boolean)) break;
    if (!fresh && (await statusOf(master)) === 'NEED_GUIDANCE') await master.site.cli('renew', ocsp);
    if (Date.now() > end)
      throw new Error(
        `Not at an end: master ${await statusOf(master)}, replica ${await statusOf(replica)}, ${fresh ? 'published' : 'not published'}\n${replica.agent()?.log() ?? ''}\n${(await master.site.cli('status')).stdout}\n${(await replica.site.cli('status')).stdout}\n${replica.site.certmonger.log().slice(-2000)}`,
      );
  }
}

/** What must be true after each: one more was issued, by the master; both have it in their databases; nothing twice on the token. */
async function sound(issuedBefore: number): Promise<void> {
  const { master, replica } = servers;
  const [published, ...more] = await publishedNow();
  expect(more).toEqual([]);
  expect([master.issued(), replica.issued()]).toEqual([issuedBefore + 1, 0]);
  const onToken = (await master.site.onToken(ocsp)).map((pem) => new X509Certificate(pem).fingerprint256);
  expect(onToken).toContain(published!.fingerprint256);
  expect(onToken).toHaveLength(new Set(onToken).size);
  for (const server of [master, replica])
    expect(new X509Certificate((await server.inDatabase(ocsp))!).fingerprint256).toBe(published!.fingerprint256);
  expect(await master.site.privateKeys()).toEqual(keys);
}

describe('kill -9 on the master', () => {
  it.each([0, 200])('of its helper, %i ms after the certificate was in the ledger', async (delay) => {
    const { master } = servers;
    const [[before], issued] = [await publishedNow(), master.issued()];
    await resubmit(master);
    const shell = shellOf(master);
    watchFor('the row', () => (master.issued() > issued ? true : undefined));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delay);
    const killed = killFamily(shell);
    const [now] = await publishedNow();
    console.log(
      `helper ${killed ? 'killed' : 'had ended'}, ${now?.fingerprint256 === before?.fingerprint256 ? 'before' : 'after'} it published`,
    );
    await ends(before!);
    await sound(issued);
  });

  it('of its supplier, between issuing and publishing', async () => {
    const { master, ds } = servers;
    const [[before], issued] = [await publishedNow(), master.issued()];
    await resubmit(master);
    watchFor('the row', () => (master.issued() > issued ? true : undefined));
    await ds.kill(1);
    await sleep(3000);
    await ds.start(1);
    await ends(before!);
    await sound(issued);
  });
});

describe('kill -9 on the replica', () => {
  /** The master renews; gives what was published before. */
  async function renewal(): Promise<{
    readonly before: X509Certificate;
    readonly issued: number;
    readonly done: ReturnType<CaServer['site']['cli']>;
  }> {
    const [[before], issued] = [await publishedNow(), servers.master.issued()];
    return { before: before!, issued, done: servers.master.site.cli('renew', '--wait', '100', ocsp) };
  }

  it('of its helper, shell and all: certmonger is at a loss, the agent is not', async () => {
    const { before, issued, done } = await renewal();
    for (const end = Date.now() + 60_000; running('hsmonger-submit', servers.replica.site.directory, 'shell').length === 0; await sleep(2))
      expect(Date.now()).toBeLessThan(end);
    killFamily(shellOf(servers.replica));
    expect(await done).toMatchObject({ exitCode: 0 });
    await ends(before);
    await sound(issued);
  });

  it('of its supplier', async () => {
    await servers.ds.kill(2);
    const { before, issued, done } = await renewal();
    expect(await done).toMatchObject({ exitCode: 0 });
    await servers.ds.start(2);
    await ends(before);
    await sound(issued);
  });

  it('of its agent, which is started again', async () => {
    killAll([servers.replica.agent()!.pid]);
    const { before, issued, done } = await renewal();
    expect(await done).toMatchObject({ exitCode: 0 });
    await servers.replica.startAgent();
    await ends(before);
    await sound(issued);
  });

  it.each(['SUBMITTING', 'SAVING_CERT'])('of its certmonger with all it had started, in %s', async (state) => {
    const { certmonger } = servers.replica.site;
    const file = readdirSync(certmonger.requestsDirectory)
      .map((name) => path.join(certmonger.requestsDirectory, name))
      .find((name) => readFileSync(name, 'utf8').includes(`cert_nickname=${ocsp}`))!;
    const { before, issued, done } = await renewal();
    // The command line has to be given time until the replica is near.
    for (const end = Date.now() + 60_000; /^state=MONITORING$/mu.test(readFileSync(file, 'utf8')); await sleep(2))
      expect(Date.now()).toBeLessThan(end);
    let killed = false;
    try {
      watchFor(state, () => (readFileSync(file, 'utf8').includes(`\nstate=${state}\n`) ? true : undefined), 20_000, 0);
      killed = killFamily(certmonger.pid);
    } catch {
      // It went through too fast: said below, and the rest holds all the same.
    }
    console.log(`${state}: ${killed ? 'killed in it' : 'not seen'}`);
    expect(await done).toMatchObject({ exitCode: 0 });
    await certmonger.restart().catch(() => sleep(1000).then(() => certmonger.restart()));
    await ends(before);
    await sound(issued);
  });
});
