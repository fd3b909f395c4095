/**
 * kill -9 on a real Dogtag: of post-save at every step of its journal and around the server's stop and start, of the helper while the CA is
 * asked, of certmonger. Time passes afterwards, nobody types anything (but for one `renew` where certmonger itself is at a loss), and
 * everything is in place: one certificate under the nickname, with the key it had, issued once, known everywhere, CA and KRA healthy.
 */
import type { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemCertificates, type SystemCertificate } from '../../src/freeipa/system-certificates.js';
import { family, killAll, killFamily, processes, running, watchFor } from '../rig/prey.js';
import { getcert } from '../rig/certmonger.js';
import { startDogtagSite, type DogtagSite } from '../rig/dogtag/site.js';
import { startDogtag, type Dogtag } from '../rig/dogtag.js';
import { expectHealthy, expectKnown, issuedFor, only } from './witness.js';

const named = (nickname: string) => systemCertificates.find((one) => one.nickname === nickname)!;
const ca = named('caSigningCert cert-pki-ca');
const ocsp = named('ocspSigningCert cert-pki-ca');
const audit = named('auditSigningCert cert-pki-ca');
const subsystem = named('subsystemCert cert-pki-ca');

let rig: Dogtag;
let site: DogtagSite;
let ledger: Sqlite.Database;
let keys: string[];
beforeAll(async () => {
  rig = await startDogtag();
  site = await startDogtagSite(rig);
  keys = await rig.privateKeys();
  ledger = new Sqlite(site.ledger, { readonly: true });
});
afterAll(async () => {
  ledger.close();
  await site.stop();
  await rig.stop();
});

interface Entry {
  readonly step: string;
  /** Follow-ups that are not finished. */
  readonly left: readonly string[];
}

function entryOf(database: Sqlite.Database, nickname: string): Entry | undefined {
  const row = database.prepare('SELECT step, detail FROM journal WHERE nickname = ?').get(nickname) as
    { step: string; detail: string } | undefined;
  return row === undefined
    ? undefined
    : { step: row.step, left: (JSON.parse(row.detail) as { left?: { step: string }[] }).left?.map(({ step }) => step) ?? [] };
}

const unfinished = () => ledger.prepare("SELECT nickname, step FROM journal WHERE step <> 'done'").all();
/** certmonger's own word, from its file: asking over the bus would take longer than some states last. */
function stateIn(file: string): string | undefined {
  try {
    return /^state=(.*)$/mu.exec(readFileSync(file, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

const isDown = () => !existsSync(path.join(rig.root, `run/rig/${rig.unit}.pid`));
const isGuarded = () => readdirSync(path.join(rig.root, 'run/rig')).some((name) => name.startsWith('hsmonger-server:'));

interface Before {
  readonly certificate: X509Certificate;
  readonly issued: number;
}

/** Asks certmonger for a renewal, once the CA answers. */
async function resubmit(certificate: SystemCertificate): Promise<Before> {
  await rig.untilRunning();
  const held = await only(site, certificate);
  const before = { certificate: held, issued: await issuedFor(site, held) };
  await getcert(site.bus, ['resubmit', '-i', site.requests.get(certificate.nickname)!]);
  return before;
}

/** Everything is in place, once the timers' time has come. */
async function expectRenewedOnce(certificate: SystemCertificate, before: Before): Promise<void> {
  expect(await site.settled(certificate.nickname), site.logs()).toBe('MONITORING');
  await rig.elapse('hsmonger-*');
  for (const end = Date.now() + 90_000; unfinished().length > 0; await sleep(250))
    expect(Date.now(), `${JSON.stringify(unfinished())}\n${site.logs()}`).toBeLessThan(end);
  await rig.untilRunning();
  const now = await only(site, certificate);
  expect(now.serialNumber).not.toBe(before.certificate.serialNumber);
  expect(now.publicKey.equals(before.certificate.publicKey)).toBe(true);
  expect(await issuedFor(site, now)).toBe(before.issued + 1);
  await expectKnown(site, certificate, now);
}

/** Where post-save is killed: what the journal says then, and what can be seen of the server. */
interface Moment {
  readonly name: string;
  readonly certificate?: SystemCertificate;
  readonly reached: (entry: Entry) => boolean;
  readonly victims: 'worker' | 'both';
}

const at = (step: string, victims: Moment['victims'], server: 'up' | 'down' = 'down'): Moment => ({
  name: `'${step}', the server ${server}`,
  victims,
  reached: (entry) => entry.step === step && isDown() === (server === 'down'),
});
const after = (followUp: string, certificate: SystemCertificate, victims: Moment['victims']): Moment => ({
  name: `'${followUp}'`,
  certificate,
  victims,
  reached: ({ step, left }) => step === 'removed from database' && !left.includes(followUp),
});

const moments: readonly Moment[] = [
  at('announced', 'both', 'up'),
  at('located', 'worker', 'up'),
  { name: 'while the server is being stopped', victims: 'both', reached: ({ step }) => step === 'proven' && isGuarded() },
  at('located', 'both'),
  at('proven', 'both'),
  at('trusted', 'worker'),
  at('archived', 'both'),
  at('removed from token', 'both'),
  at('removed from database', 'both'),
  after('configured', ocsp, 'both'),
  at('checked', 'both'),
  { name: 'while the server is being started', victims: 'both', reached: ({ step }) => step === 'checked' && !isDown() },
  after('users updated', subsystem, 'both'),
  after('authority updated', ca, 'both'),
  after('published', ca, 'both'),
];

/** Kills at the moment; says whether it came in time. Reading keeps the next step from being written down meanwhile. */
function killPostSave(nickname: string, { name, reached, victims }: Moment): boolean {
  const reader = new Sqlite(site.ledger, { readonly: true, timeout: 0 });
  try {
    const isAnnounced = ({ step }: Entry) => step === 'announced';
    watchFor('the journal of this renewal', () => held(reader, nickname, isAnnounced), 180_000, 5);
    const hook = watchFor('hsmonger-post-save', () => running('hsmonger-post-save', site.directory, 'node')[0], 60_000, 5).pid;
    if (!reached(entryOf(reader, nickname)!)) {
      reader.exec('ROLLBACK');
      if (!watchFor(name, () => (existsSync(`/proc/${String(hook)}`) ? held(reader, nickname, reached) : false), 120_000)) return false;
    }
    return killAll(victims === 'both' ? family(hook) : processes().flatMap(({ pid, parent }) => (parent === hook ? [pid] : [])));
  } finally {
    reader.close();
  }
}

function held(reader: Sqlite.Database, nickname: string, reached: Moment['reached']): true | undefined {
  try {
    reader.exec('BEGIN');
    const entry = entryOf(reader, nickname);
    if (entry !== undefined && reached(entry)) return true;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'SQLITE_BUSY') throw error;
  }
  if (reader.inTransaction) reader.exec('ROLLBACK');
  return undefined;
}

describe('kill -9 of post-save: time passes, and the saving is finished', () => {
  let turn = 0;
  it.each(moments)('$name, of $victims', async (moment) => {
    const certificate = moment.certificate ?? [ocsp, audit][turn++ % 2]!;
    for (let tries = 3; ; tries--) {
      const before = await resubmit(certificate);
      const killed = killPostSave(certificate.nickname, moment);
      await expectRenewedOnce(certificate, before);
      if (killed) break;
      expect(tries, 'it went on too fast to be caught').toBeGreaterThan(0);
    }
  });
});

describe('kill -9 of the helper', () => {
  const asked = () => (ledger.prepare('SELECT count(*) AS n FROM asked WHERE certificate IS NULL').get() as { n: number }).n;

  it.each([
    ['node', 'once it has begun to ask the CA'],
    ['both', 'once it has begun to ask the CA'],
    ['both', 'as soon as it is there'],
  ] as const)('its %s, %s', async (victims, moment) => {
    const before = await resubmit(audit);
    const [shell, node] = (['shell', 'node'] as const).map(
      (part) => watchFor(`hsmonger-submit's ${part}`, () => running('hsmonger-submit', site.directory, part)[0]).pid,
    ) as [number, number];
    if (moment === 'once it has begun to ask the CA') watchFor('its note', () => (asked() > 0 ? true : undefined));
    expect(victims === 'node' ? killAll([node]) : killFamily(shell)).toBe(true);
    const state = await site.settled(audit.nickname);
    // certmonger is at a loss where nobody is left to answer it.
    expect(state).toBe(victims === 'node' ? 'MONITORING' : 'NEED_GUIDANCE');
    if (victims === 'both') expect(await site.cli('renew', '--wait', '120', audit.nickname)).toMatchObject({ exitCode: 0 });
    await expectRenewedOnce(audit, before);
  });
});

describe('kill -9 of certmonger', () => {
  it.each([
    ['SUBMITTING', 'alone'],
    ['SUBMITTING', 'with all it had started'],
    ['PRE_SAVE_CERT', 'with all it had started'],
    ['SAVING_CERT', 'with all it had started'],
    ['POST_SAVED_CERT', 'alone'],
    ['POST_SAVED_CERT', 'with all it had started'],
  ] as const)('in %s, %s: once it runs again the renewal ends', async (state, how) => {
    for (let tries = 3; ; tries--) {
      const before = await resubmit(ocsp);
      const file = site.requestFile(ocsp.nickname);
      let killed = false;
      try {
        watchFor(state, () => (stateIn(file) === state ? true : undefined), 20_000, 0);
        killed = how === 'alone' ? killAll([site.certmonger.pid]) : killFamily(site.certmonger.pid);
      } catch {
        // It went through the state too fast.
      }
      if (killed) await revive();
      await site.settled(ocsp.nickname);
      // It may have read the old certificate from the token when it started, and saved that again instead of the new one it had.
      // Beside the new one the old one may still be there: post-save is at work, or its timer is to finish it.
      if ((await site.held(ocsp)).every(({ serialNumber }) => serialNumber === before.certificate.serialNumber))
        expect(await site.cli('renew', '--wait', '180', ocsp.nickname)).toMatchObject({ exitCode: 0 });
      await expectRenewedOnce(ocsp, before);
      if (killed) break;
      expect(tries, `'${state}' was never seen`).toBeGreaterThan(0);
    }
  });

  /** Starts it again; what it had started may still hold its lock for a moment. */
  async function revive(): Promise<void> {
    for (let left = 10; ; left--) {
      await site.certmonger.restart().catch((error: unknown) => {
        if (left === 0) throw error;
      });
      await sleep(500);
      if ((await getcert(site.bus, ['list'], [0, 1])).exitCode === 0) return;
      if (left === 0) throw new Error('certmonger does not stay.');
    }
  }
});

describe('after all of it', () => {
  it('CA and KRA are healthy, and every key is where it was', async () => {
    await expectHealthy(site, keys);
    for (const certificate of systemCertificates) expect(await rig.ocsp((await only(site, certificate)).toString())).toBe('good');
  });
});
