/**
 * kill -9 at every step of a renewal: of the helper, of the hooks and their workers, of certmonger. Whatever is killed, the renewal
 * ends afterwards, one certificate is issued for it, and nothing is lost.
 */
import { execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { getcert, tokenWasAway } from '../rig/certmonger.js';
import { startSite, type Site } from '../rig/site.js';
import { family, killAll, killFamily, processes, running, watchFor } from '../rig/prey.js';

vi.setConfig({ testTimeout: 300_000 });

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
const audit = 'auditSigningCert cert-pki-ca';
const subsystem = 'subsystemCert cert-pki-ca';

let site: Site;
let ledger: Sqlite.Database;
let keys: string[];
/** Request ids and request files by nickname. */
const requests = new Map<string, { readonly id: string; readonly file: string }>();

beforeAll(async () => {
  // Nothing is due: what is renewed here is renewed because a test asks for it.
  site = await startSite({ authority: { each: { daysLeft: 200 }, only: { [ca]: { daysLeft: 3000 } } } });
  keys = await site.privateKeys();
  await site.setUp();
  await site.untilQuiet(60_000);
  ledger = new Sqlite(site.ledger, { readonly: true });
  for (const name of readdirSync(site.certmonger.requestsDirectory)) {
    const file = path.join(site.certmonger.requestsDirectory, name);
    const field = (key: string) => new RegExp(`^${key}=(.*)$`, 'mu').exec(readFileSync(file, 'utf8'))?.[1] ?? '';
    requests.set(field('cert_nickname'), { id: field('id'), file });
  }
});
afterAll(async () => {
  ledger.close();
  await site.stop();
});

const issued = () => (ledger.prepare('SELECT count(*) AS n FROM issued').get() as { n: number }).n;
const savings = () => ledger.prepare("SELECT nickname, step FROM journal WHERE step <> 'done'").all();

/** certmonger's own word for a request, from its file: asking over the bus would take longer than some states last. */
function stateOf(nickname: string): string | undefined {
  try {
    return /^state=(.*)$/mu.exec(readFileSync(requests.get(nickname)!.file, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** Lifetimes are counted in whole seconds, and a renewal within that of the one before would end no later: the helper refuses it. */
const nextSecond = () => sleep(1010 - (Date.now() % 1000));

async function resubmit(nickname: string): Promise<void> {
  await nextSecond();
  await getcert(site.bus, ['resubmit', '-i', requests.get(nickname)!.id], [0, 1]);
}

/**
 * Asks certmonger for a renewal and acts: from before certmonger hears of it, `act` gives way to nothing, for what it waits for may last
 * less than getcert takes to end.
 */
async function atOnceAfterAsking<T>(nickname: string, act: () => T): Promise<T> {
  await nextSecond();
  const getcert = spawn('getcert', ['resubmit', '-s', '-i', requests.get(nickname)!.id], {
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', DBUS_SESSION_BUS_ADDRESS: site.bus.address },
    stdio: 'ignore',
  });
  const ended = once(getcert, 'exit');
  let acted: T;
  try {
    acted = act();
  } finally {
    await ended;
  }
  expect(getcert.exitCode, "getcert's").toBeLessThan(2);
  return acted;
}

/** As `watchFor`; undefined where it was never seen. */
function caught<T>(what: string, look: () => T | undefined, everyMs: number): T | undefined {
  try {
    return watchFor(what, look, 30_000, everyMs);
  } catch {
    return undefined;
  }
}

async function renew(nickname: string): Promise<void> {
  await nextSecond();
  await succeeded(site.cli('renew', '--wait', '100', nickname), nickname);
}

/** One killed while it logged in may have cost an attempt: its PIN waits a minute, unless it is written anew. */
async function succeeded(asked: ReturnType<Site['cli']>, nickname: string): Promise<void> {
  const run = await asked;
  if (run.stderr.includes('or once the PIN is written anew')) {
    writeFileSync(site.token.pinFile, readFileSync(site.token.pinFile));
    await renew(nickname);
  } else expect(run, `${run.stdout}${run.stderr}${site.certmonger.log().slice(-3000)}`).toMatchObject({ exitCode: 0 });
}

/** Until certmonger rests or waits for somebody; its state. */
async function settled(nickname: string, patienceMs = 90_000): Promise<string> {
  const { id } = requests.get(nickname)!;
  for (const end = Date.now() + patienceMs; ; await sleep(250)) {
    const record = (await site.getcertRecords()).get(id);
    const status = record?.get('status') ?? 'none';
    if (tokenWasAway(status)) await resubmit(nickname);
    else if (status === 'MONITORING' || record?.get('stuck') === 'yes') return status;
    if (Date.now() > end)
      throw new Error(`'${nickname}' is still ${status} after ${String(patienceMs / 1000)} s.\n${site.certmonger.log().slice(-4000)}`);
  }
}

function archived(): X509Certificate[] {
  const directory = path.join(site.stateDir, 'hsmonger', 'superseded');
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.pem'))
    .map((name) => new X509Certificate(readFileSync(path.join(directory, name))));
}

/**
 * Every certificate there ever was lies on the token or in the archive, one of each nickname on the token; one was issued for each renewal.
 */
async function expectNothingLost(): Promise<void> {
  await site.untilQuiet(120_000);
  expect(
    ledger.prepare('SELECT request, count(*) AS n FROM issued GROUP BY request HAVING n > 1').all(),
    'issued twice for one renewal',
  ).toEqual([]);
  expect(savings()).toEqual([]);
  expect(await site.privateKeys()).toEqual(keys);
  const onToken: X509Certificate[] = [];
  for (const { nickname, pem } of site.authority.certificates) {
    const held = await site.onToken(nickname);
    expect(held, nickname).toHaveLength(1);
    expect(new X509Certificate(held[0]!).publicKey.equals(new X509Certificate(pem).publicKey), nickname).toBe(true);
    onToken.push(new X509Certificate(held[0]!));
  }
  const ever = [
    ...site.authority.certificates.map(({ der }) => der),
    ...(ledger.prepare('SELECT certificate FROM issued').all() as { certificate: Buffer }[]).map(({ certificate }) => certificate),
  ];
  const fingerprints = (certificates: readonly X509Certificate[]) => certificates.map(({ fingerprint256 }) => fingerprint256).sort();
  expect(fingerprints([...onToken, ...archived()])).toEqual(fingerprints(ever.map((der) => new X509Certificate(der))));
  for (const directory of [site.token.tokenDirectory, site.nss.database, path.join(site.stateDir, 'hsmonger')]) {
    expect(execFileSync('find', [directory, '!', '-user', site.owner.name], { encoding: 'utf8' })).toBe('');
  }
}

/** Points of the helper's run that can be seen from outside. */
const moments = {
  'as soon as it is there': () => undefined,
  'once it has dropped to the service user': (node: number) => {
    watchFor('the drop', () => (uidOf(node) === 0 ? undefined : true));
  },
  'with its row half written': () => {
    watchFor('a transaction that wants to commit', () =>
      (statSync(`${site.ledger}-journal`, { throwIfNoEntry: false })?.size ?? 0) > 0 ? true : undefined,
    );
  },
  'once its row is in the ledger': (_node: number, before: number) => {
    watchFor('the row', () => (issued() > before ? true : undefined));
  },
} as const;
type Moment = keyof typeof moments;

/** undefined: it has ended. */
function uidOf(pid: number): number | undefined {
  try {
    return Number(/^Uid:\t(\d+)/mu.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}

afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.log(site.certmonger.log().slice(-6000));
});

describe('kill -9 of the helper', () => {
  afterEach(expectNothingLost);

  /** Asks certmonger for a renewal and kills at the moment; says whether it came in time. */
  async function killHelper(nickname: string, moment: Moment, victims: 'shell' | 'node' | 'both'): Promise<boolean> {
    const before = issued();
    // A reader keeps SQLite from committing, not from writing its journal.
    const reader = new Sqlite(site.ledger, { readonly: true });
    try {
      if (moment === 'with its row half written') {
        reader.exec('BEGIN');
        reader.prepare('SELECT count(*) FROM issued').get();
      }
      return await atOnceAfterAsking(nickname, () => {
        const [shell, node] = (['shell', 'node'] as const).map(
          (part) => watchFor(`hsmonger-submit's ${part}`, () => running('hsmonger-submit', site.directory, part)[0]).pid,
        ) as [number, number];
        moments[moment](node, before);
        switch (victims) {
          case 'shell':
            return killAll([shell]);
          case 'node':
            return killAll([node]);
          case 'both':
            return killFamily(shell);
        }
      });
    } finally {
      reader.close();
    }
  }

  /** The same until it came in time; gives how many were issued before. */
  async function killHelperFor(...order: Parameters<typeof killHelper>): Promise<number> {
    for (let left = 8; left > 0; left--) {
      const before = issued();
      if (await killHelper(...order)) return before;
      expect(await settled(order[0])).toBe('MONITORING');
    }
    throw new Error(`It was always over before it was killed '${order[1]}'.`);
  }

  it('its node process: certmonger comes back by itself', async () => {
    let before = issued();
    // The one that may be killed in its login comes last: its PIN waits a minute, and nobody is asked meanwhile.
    for (const [nickname, moment] of [
      [ocsp, 'as soon as it is there'],
      [subsystem, 'with its row half written'],
      [audit, 'once it has dropped to the service user'],
    ] as const) {
      before = await killHelperFor(nickname, moment, 'node');
      for (const end = Date.now() + 30_000; stateOf(nickname) !== 'CA_WORKING'; await sleep(50)) expect(Date.now()).toBeLessThan(end);
    }
    expect(issued()).toBe(before);
    // Killed in its login, its PIN waits a minute, and certmonger asks again a minute later.
    for (const nickname of [ocsp, audit, subsystem]) expect(await settled(nickname, 170_000), nickname).toBe('MONITORING');
    expect(issued()).toBe(before + 3);
  }, 400_000);

  it.each<['shell' | 'both', Moment]>([
    ['both', 'as soon as it is there'],
    ['shell', 'once it has dropped to the service user'],
    ['both', 'once it has dropped to the service user'],
    ['both', 'with its row half written'],
  ])('its %s, %s: certmonger is at a loss (NEED_GUIDANCE), renew mends it', async (victims, moment) => {
    const before = await killHelperFor(ocsp, moment, victims);
    expect(await settled(ocsp)).toBe('NEED_GUIDANCE');
    expect(await site.cli('status')).toMatchObject({
      exitCode: 3,
      stdout: expect.stringContaining("Where no agent runs: 'hsmonger renew'") as string,
    });
    await renew(ocsp);
    expect(issued()).toBe(before + 1);
  });

  it('all of it once its row is in the ledger: the same certificate is handed out again', async () => {
    const before = issued();
    await killHelper(ocsp, 'once its row is in the ledger', 'both');
    // It may have answered between the row and the kill: certmonger has its certificate then.
    if ((await settled(ocsp)) === 'NEED_GUIDANCE') await renew(ocsp);
    expect(issued()).toBe(before + 1);
  });
});

describe('kill -9 while a saving is under way', () => {
  /** The next `renew` finishes what the one before left: of the other certificate, so that each round tests both. */
  let turn = 0;
  let left: string | undefined;

  /** Asks for a renewal and kills once the journal is at the step; says whether it came in time. */
  function killSavingAt(
    nickname: string,
    step: string,
    victims: 'worker' | 'both',
  ): { before: number; run: ReturnType<Site['cli']>; killed: boolean } {
    const before = issued();
    const reader = new Sqlite(site.ledger, { readonly: true, timeout: 0 });
    const run = site.cli('renew', nickname);
    try {
      // From here on, until post-save's processes are known, the next step cannot be written down.
      watchFor('the journal of this renewal', () => announced(reader, nickname), 10_000);
      const hook = watchFor('hsmonger-post-save', () => running('hsmonger-post-save', site.directory, 'node')[0], 10_000).pid;
      // While this reads, the step after this one cannot be written down.
      if (step !== 'announced') reader.exec('ROLLBACK');
      const seen = step === 'announced' ? 'held' : watchFor(`'${step}'`, () => held(reader, nickname, step), 30_000, 0);
      const killed =
        seen === 'held' &&
        killAll(victims === 'both' ? family(hook) : processes().flatMap(({ pid, parent }) => (parent === hook ? [pid] : [])));
      return { before, run, killed };
    } catch {
      return { before, run, killed: false };
    } finally {
      reader.close();
    }
  }

  it.each<[string, 'worker' | 'both']>([
    ['announced', 'both'],
    ['located', 'worker'],
    ['proven', 'both'],
    ['trusted', 'both'],
    ['archived', 'worker'],
    ['removed from token', 'both'],
    ['removed from database', 'both'],
    ['checked', 'both'],
  ])("the journal at '%s', of post-save's %s: the next renew finishes it", async (step, victims) => {
    const nickname = [ocsp, audit][turn++ % 2]!;
    await nextSecond();
    let { before, run, killed } = killSavingAt(nickname, step, victims);
    for (let tries = 0; !killed && tries < 20; tries++) {
      // It went on too fast to be caught, or had to wait for the PIN, and finished what was left.
      await succeeded(run, nickname);
      expect(await settled(nickname)).toBe('MONITORING');
      left = undefined;
      await nextSecond();
      ({ before, run, killed } = killSavingAt(nickname, step, victims));
    }
    expect(killed, `'${step}' was never seen`).toBe(true);
    const { stderr } = await run;
    if (left !== undefined) expect(stderr).toContain(`Finished the interrupted saving of '${left}'.`);
    left = nickname;
    expect(await settled(nickname)).toBe('MONITORING');
    expect(savings()).toEqual([{ nickname, step }]);
    expect(issued()).toBe(before + 1);
  });

  it('and after the last, the hook of another renewal finishes it, nobody typing anything of ours', async () => {
    expect(savings()).toMatchObject([{ nickname: left }]);
    const before = issued();
    await resubmit(subsystem);
    await renewed(subsystem, before + 1);
    expect(await settled(subsystem)).toBe('MONITORING');
    await expectNothingLost();
  });

  it('of pre-save: certmonger saves all the same, and post-save does without', async () => {
    let killed = false;
    for (let tries = 0; !killed && tries < 20; tries++) {
      const before = issued();
      killed = await atOnceAfterAsking(subsystem, () => {
        const seen = caught('hsmonger-pre-save', () => running('hsmonger-pre-save', site.directory, 'node')[0], 1);
        return seen !== undefined && killFamily(seen.pid);
      });
      await renewed(subsystem, before + 1);
      expect(await settled(subsystem)).toBe('MONITORING');
    }
    expect(killed, 'it was never seen').toBe(true);
    await expectNothingLost();
  });
});

/** True, and the transaction stays open, once a saving is announced. */
function announced(reader: Sqlite.Database, nickname: string): true | undefined {
  const at = held(reader, nickname, 'announced');
  if (at === 'done') reader.exec('ROLLBACK');
  return at === 'held' ? true : undefined;
}

/** 'held' when the journal is at this step: then the transaction stays open; 'done' when it was never seen there. */
function held(reader: Sqlite.Database, nickname: string, step: string): 'held' | 'done' | undefined {
  try {
    reader.exec('BEGIN');
    const { step: now } = reader.prepare('SELECT step FROM journal WHERE nickname = ?').get(nickname) as { step: string };
    if (now === step) return 'held';
    if (now === 'done') return 'done';
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'SQLITE_BUSY') throw error;
  }
  if (reader.inTransaction) reader.exec('ROLLBACK');
  return undefined;
}

/** Until so many are issued, the renewal of this one the last. */
async function renewed(nickname: string, rows: number): Promise<void> {
  for (const end = Date.now() + 60_000; issued() < rows; await sleep(50)) {
    if (tokenWasAway(stateOf(nickname))) await resubmit(nickname);
    if (Date.now() < end) continue;
    const { stdout } = await getcert(site.bus, ['list']);
    throw new Error(`Of ${String(rows)} certificates ${String(issued())} are issued.\n${stdout}\n${site.certmonger.log().slice(-8000)}`);
  }
}

/** Starts certmonger again; what it had started may still hold its lock for a moment. */
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

const fingerprint = (certificate: string | Buffer) => new X509Certificate(certificate).fingerprint256;
const archivedOrHeld = (held: readonly string[]) => [...held.map(fingerprint), ...archived().map(({ fingerprint256 }) => fingerprint256)];

function lastIssued(nickname: string): string {
  const { profile } = site.authority.certificate(nickname);
  return fingerprint(
    (ledger.prepare('SELECT certificate FROM issued WHERE profile = ? ORDER BY id DESC').get(profile) as { certificate: Buffer })
      .certificate,
  );
}

/** Asks for a renewal and kills once the request is in the state; says whether it came in time. */
function killCertmongerIn(state: string, how: 'alone' | 'with all it had started'): Promise<boolean> {
  return atOnceAfterAsking(ocsp, () => {
    // The hook's state lasts as long as the hook: who sees that has missed the one before.
    const now = caught(state, () => [state, 'POST_SAVED_CERT'].find((one) => one === stateOf(ocsp)), 0);
    if (now !== state) return false;
    return how === 'alone' ? killAll([site.certmonger.pid]) : killFamily(site.certmonger.pid);
  });
}

describe('kill -9 of certmonger', () => {
  it.each<[string, 'alone' | 'with all it had started']>([
    ['GENERATING_CSR', 'with all it had started'],
    ['SUBMITTING', 'alone'],
    ['SUBMITTING', 'with all it had started'],
    ['PRE_SAVE_CERT', 'alone'],
    ['PRE_SAVE_CERT', 'with all it had started'],
    ['SAVING_CERT', 'alone'],
    ['SAVING_CERT', 'with all it had started'],
    ['NEED_TO_READ_CERT', 'with all it had started'],
    ['READING_CERT', 'with all it had started'],
    ['POST_SAVED_CERT', 'alone'],
    ['POST_SAVED_CERT', 'with all it had started'],
  ])('in %s, %s: once it runs again the renewal ends', async (state, how) => {
    let killed = false;
    for (let tries = 0; !killed && tries < 40; tries++) {
      killed = await killCertmongerIn(state, how);
      // It went through the state too fast to be caught, and renewed.
      if (!killed) expect(await settled(ocsp)).toBe('MONITORING');
    }
    expect(killed, `'${state}' was never seen`).toBe(true);
    await revive();
    const after = await settled(ocsp);
    const [newest] = await site.onToken(ocsp);
    const lost = after === 'MONITORING' && !archivedOrHeld([newest!]).includes(lastIssued(ocsp));
    // certmonger reads the certificate from the token when it starts, and then saves that one again instead of the new one it had.
    if (lost)
      expect(await site.cli('status')).toMatchObject({
        exitCode: 3,
        stdout: expect.stringContaining('was issued, but certmonger has not saved it') as string,
      });
    if (lost || after !== 'MONITORING') await renew(ocsp);
    if (savings().length > 0) await renew(audit);
    await expectNothingLost();
  });
});
