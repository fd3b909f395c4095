/** `backup` and `restore` on real files and real ledgers; killed, on a full disk, over what is there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdingLedger } from '../../src/cli/backup/hold-ledger.js';
import { loadInstance } from '../../src/config/load.js';
import { highestCrlNumber, insertCrl, nextCrlNumber } from '../../src/ledger/crls.js';
import { announce, journalEntry, noteInPlace, noteRetained, unfinished } from '../../src/ledger/journal.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { installation } from '../../src/platform/installation.js';
import type { Account } from '../../src/platform/service-user.js';
import { ensureStateDirectory } from '../../src/platform/state-directory.js';
import { run } from '../../src/platform/run.js';
import { processes } from '../rig/prey.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { hsmonger } from './site.js';

/** How an IPA server's requests are given back. */
const takenOver = `${JSON.stringify({ cas: [{ nickname: 'ca', helper: '/before' }], requests: [], pinFiles: [] })}\n`;
const pin = 'a-pin-nobody-may-see-4711';
let scratch: PrivateDirectory;
let owner: Account;
let here: Host;

/** A host's two directories. */
interface Host {
  readonly config: string;
  readonly state: string;
  readonly flags: readonly string[];
  readonly ledger: string;
}

const inScratch = (...names: string[]) => path.join(scratch.path, ...names);

function host(name: string): Host {
  const [config, state] = [inScratch(name, 'etc'), inScratch(name, 'state')];
  mkdirSync(config, { recursive: true });
  return { config, state, flags: ['--config-dir', config, '--state-dir', state], ledger: path.join(state, 'ca', 'ledger.sqlite') };
}

function withLedger<T>(file: string, work: (ledger: Sqlite.Database) => T): T {
  const ledger = openLedger(file);
  try {
    return work(ledger);
  } finally {
    ledger.close();
    for (const each of [file, `${file}-journal`]) if (existsSync(each)) chownSync(each, owner.uid, owner.gid);
  }
}

const crl = (number: bigint) => ({
  number,
  issuerKey: 'k',
  thisUpdate: new Date(),
  nextUpdate: new Date(),
  crl: Uint8Array.of(1),
  signedAt: new Date(),
  uid: owner.uid,
});
const issuedCount = (file: string) =>
  (new Sqlite(file, { readonly: true }).prepare('SELECT count(*) AS n FROM issued').get() as { n: number }).n;

function makeInstance({ config, state }: Host, name = 'ca'): void {
  const pinFile = inScratch('the.pin');
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });
  writeFileSync(
    path.join(config, `${name}.toml`),
    `user = "${owner.name}"\n[token]\nlabel = "t"\nmodule = "/usr/lib/softhsm/libsofthsm2.so"\npin-file = "${pinFile}"\n[nss]\ndatabase = "/nowhere"\n[issuer]\ntype = "token"\ncertificate = "ca"\n`,
  );
  ensureStateDirectory(path.join(state, name), owner);
  withLedger(path.join(state, name, 'ledger.sqlite'), (open) => {
    insertCrl(open, crl(5n));
  });
  for (const [file, content] of [
    ['setup.json', '{}'],
    ['own-request.der', 'DER'],
    ['ocsp-ca.json', '{}'],
    ['watchdog.json', '{"not": "kept"}'],
    ['superseded/ca.01.pem', 'PEM'],
    ['stray', 'not ours'],
  ] as const) {
    const whole = path.join(state, name, file);
    mkdirSync(path.dirname(whole), { recursive: true });
    chownSync(path.dirname(whole), owner.uid, owner.gid);
    writeFileSync(whole, content, { mode: 0o600 });
    chownSync(whole, owner.uid, owner.gid);
  }
}

beforeEach(() => {
  scratch = privateDirectory('backup');
  owner = ensureServiceUser();
  here = host('here');
  makeInstance(here);
});
afterEach(() => {
  scratch.remove();
});

const backup = (file: string, at: Host = here) => hsmonger('backup', file, ...at.flags);
const restore = (file: string, at: Host = here, ...more: string[]) => hsmonger('restore', file, ...at.flags, ...more);

async function made(): Promise<string> {
  const file = inScratch('one.tar');
  const said = await backup(file);
  expect(said.exitCode, said.err).toBe(0);
  return file;
}

describe('a backup', () => {
  it('is one file of root’s with what hsmonger alone knows, and no PIN', async () => {
    writeFileSync(path.join(here.config, 'agent.conf'), 'user = "nobody"\n');
    writeFileSync(path.join(here.config, 'ca.taken-over.json'), takenOver);
    const file = inScratch('one.tar');
    const said = await backup(file);
    expect(said).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/^ca: instance file and 5 files of state, \d+ octets\n/u) as string,
    });
    expect(said.err).toContain(`PINs (${inScratch('the.pin')})`);
    expect(statSync(file)).toMatchObject({ mode: 0o100600, uid: 0 });
    const listed = (await run('tar', ['--list', '--file', file])).stdout
      .split('\n')
      .filter((line) => line !== '' && !line.endsWith('/'))
      .sort();
    expect(listed).toEqual([
      './agent.conf',
      './ca/instance.toml',
      './ca/state/ledger.sqlite',
      './ca/state/ocsp-ca.json',
      './ca/state/own-request.der',
      './ca/state/setup.json',
      './ca/state/superseded/ca.01.pem',
      './ca/taken-over.json',
      './manifest.json',
    ]);
    expect(readFileSync(file).includes(pin)).toBe(false);
    expect(readdirSync(path.join(here.state, 'ca'))).not.toContain('ledger.backup');
    expect(await backup(file)).toMatchObject({ exitCode: 2, err: expect.stringContaining('replaces nothing') as string });
  });

  it('holds a whole ledger though another process writes into it all the time', async () => {
    const insert = `INSERT INTO issued (issuer_key, serial, request, profile, subject, subject_key, not_before, not_after, certificate, issued_at, uid) VALUES ('k', ?, 'r', 'p', 's', 'x', '', '', zeroblob(4096), '', 1)`;
    const script = `const S = require(${JSON.stringify(path.resolve('node_modules/better-sqlite3'))}); const d = new S(${JSON.stringify(here.ledger)}, { timeout: 20000 }); const i = d.prepare(${JSON.stringify(insert)}); const o = d.prepare("INSERT INTO outcomes VALUES (?, 'p', '', 'c', 'm', 1)"); let n = 0; for (;;) { d.transaction(() => { i.run(String(n)); o.run(String(n)); })(); n++; if (n === 50) console.log('going'); }`;
    const writer = spawn(process.execPath, ['-e', script], { uid: owner.uid, gid: owner.gid, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(writer.stdout, 'data');
      const file = await made();
      const there = host('there');
      expect((await restore(file, there)).exitCode).toBe(0);
      const restored = new Sqlite(there.ledger, { readonly: true });
      const count = (table: string) => (restored.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n;
      expect(restored.pragma('integrity_check', { simple: true })).toBe('ok');
      expect(count('issued')).toBeGreaterThanOrEqual(50);
      expect(count('outcomes')).toBe(count('issued'));
    } finally {
      writer.kill('SIGKILL');
      await once(writer, 'exit');
    }
  });

  it('is not made of a damaged ledger', async () => {
    const bytes = readFileSync(here.ledger);
    bytes.fill(0xff, 4096, 12_288);
    writeFileSync(here.ledger, bytes);
    const said = await backup(inScratch('one.tar'));
    expect(said.exitCode).toBe(1);
    expect(said.err).toMatch(/^hsmonger: [^\n]+\n$/u);
    expect(existsSync(inScratch('one.tar'))).toBe(false);
  });
});

describe('restoring', () => {
  it('on an empty host gives back what was there, the service user’s, 0600', async () => {
    writeFileSync(path.join(here.config, 'ca.taken-over.json'), takenOver);
    const file = await made();
    const there = host('there');
    const said = await restore(file, there);
    expect(said.exitCode, said.err).toBe(0);
    expect(readFileSync(path.join(there.config, 'ca.taken-over.json'), 'utf8')).toBe(takenOver);
    expect(readFileSync(path.join(there.config, 'ca.toml'), 'utf8')).toBe(readFileSync(path.join(here.config, 'ca.toml'), 'utf8'));
    expect(statSync(path.join(there.config, 'ca.toml'))).toMatchObject({ mode: 0o100644, uid: 0 });
    for (const name of ['ledger.sqlite', 'setup.json', 'own-request.der', 'ocsp-ca.json', 'superseded/ca.01.pem'])
      expect(statSync(path.join(there.state, 'ca', name)), name).toMatchObject({ mode: 0o100600, uid: owner.uid });
    expect(statSync(path.join(there.state, 'ca'))).toMatchObject({ mode: 0o40700, uid: owner.uid });
    expect(readdirSync(there.state).sort()).toEqual(['.by-flags', '.pins', 'ca']);
  });

  it('replaces nothing unless the instance is typed, and then keeps what was there', async () => {
    writeFileSync(path.join(here.config, 'ca.taken-over.json'), takenOver);
    const file = await made();
    withLedger(here.ledger, (ledger) => {
      ledger.exec("INSERT INTO interfaces VALUES ('later', 'x')");
    });
    for (const flags of [[], ['--replace', 'other']])
      expect(await restore(file, here, ...flags)).toMatchObject({
        exitCode: 2,
        err: expect.stringMatching(/'ca' is there already.*--replace ca|has no instance 'other'; it has 'ca'/u) as string,
      });
    writeFileSync(path.join(here.config, 'ca.taken-over.json'), takenOver.replace('before', 'later'));
    const said = await restore(file, here, '--replace', 'ca');
    expect(said.exitCode, said.err).toBe(0);
    expect(readFileSync(path.join(here.config, 'ca.taken-over.json'), 'utf8')).toContain('later');
    const aside = readdirSync(here.state).find((name) => name.startsWith('.replaced.ca.'));
    const later = (ledger: string) => new Sqlite(ledger, { readonly: true }).prepare('SELECT count(*) AS n FROM interfaces').get();
    expect(later(here.ledger)).toEqual({ n: 0 });
    expect(later(path.join(here.state, aside ?? '', 'ledger.sqlite'))).toEqual({ n: 1 });
  });

  it('is refused while somebody writes into the ledger; one who only has it open writes no more into the old one', async () => {
    const file = await made();
    const open = openLedger(here.ledger);
    try {
      open.exec('BEGIN IMMEDIATE');
      expect(await restore(file, here, '--replace', 'ca')).toMatchObject({
        exitCode: 1,
        out: '',
        err: expect.stringMatching(
          /^hsmonger: 'ca' is not replaced while somebody writes into its ledger: [^\n]+ Stop the agent[^\n]+\n$/u,
        ) as string,
      });
      expect(readdirSync(here.state).filter((name) => !['ca', '.pins', '.by-flags'].includes(name))).toEqual([]);
      open.exec('ROLLBACK');
      const said = await restore(file, here, '--replace', 'ca');
      expect(said.exitCode, said.err).toBe(0);
      expect(said.err).not.toContain('wrote into the old ledger');
      expect(() => open.exec("INSERT INTO interfaces VALUES ('lost', 'x')")).toThrow(
        expect.objectContaining({ code: 'SQLITE_READONLY_DBMOVED' }) as Error,
      );
    } finally {
      open.close();
    }
  });

  it('nobody writes into the ledger from the look at it until another is in its place: what is counted as used is what it has', async () => {
    const file = await made();
    const script = `
      const S = require(${JSON.stringify(path.resolve('node_modules/better-sqlite3'))});
      const ledger = ${JSON.stringify(here.ledger)};
      const pause = new Int32Array(new SharedArrayBuffer(4));
      const refusals = new Set();
      process.on('message', () => { process.send([...refusals]); process.exit(); });
      let open, number = 1000;
      const write = () => {
        try {
          open ??= new S(ledger, { timeout: 20, fileMustExist: true });
          open.prepare("INSERT INTO crls (number, issuer_key, this_update, next_update, crl, signed_at, uid) VALUES (?, 'k', '', '', NULL, '', 1)").run(number.toString(16).padStart(40, '0'));
          number++;
        } catch (error) {
          refusals.add(error.code);
          if (error.code !== 'SQLITE_BUSY') { open?.close(); open = undefined; }
        }
        if (number === 1010) process.send('going');
        Atomics.wait(pause, 0, 0, 2);
        setImmediate(write);
      };
      write();`;
    const writer = spawn(process.execPath, ['-e', script], {
      uid: owner.uid,
      gid: owner.gid,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await once(writer, 'message');
    const said = await restore(file, here, '--replace', 'ca', '--above', '1', '--json');
    // Until it has tried once more, with the old file in its hands.
    await sleep(500);
    const answer = once(writer, 'message');
    writer.send('end');
    const [refusals] = (await answer) as [string[]];
    expect(said.exitCode, said.err).toBe(0);
    const [{ settled, aside }] = JSON.parse(said.out) as [{ settled: { crlNumber: string }; aside: string }];
    expect(withLedger(path.join(aside, 'ledger.sqlite'), highestCrlNumber)).toBe(BigInt(settled.crlNumber));
    expect(refusals).toContain('SQLITE_READONLY_DBMOVED');
    expect(new Sqlite(here.ledger, { readonly: true }).pragma('integrity_check', { simple: true })).toBe('ok');
  });

  it('lets no CRL number come back: above the backup’s, the replaced ledger’s, and a second for each number since', async () => {
    const file = await made();
    withLedger(here.ledger, (ledger) => {
      insertCrl(ledger, crl(900n));
    });
    expect((await restore(file, here, '--replace', 'ca')).out).toContain('above 1900');
    expect(withLedger(here.ledger, (ledger) => nextCrlNumber(highestCrlNumber(ledger)))).toBe(1901n);
  });

  it('nor one of the state that a restore put aside before it was killed', async () => {
    const file = await made();
    withLedger(here.ledger, (ledger) => {
      insertCrl(ledger, crl(500_000n));
    });
    // As it is between the two renames.
    renameSync(path.join(here.state, 'ca'), path.join(here.state, '.replaced.ca.2026-11-26T010203004Z'));
    const said = await restore(file, here);
    expect(said.exitCode, said.err).toBe(0);
    expect(withLedger(here.ledger, (ledger) => nextCrlNumber(highestCrlNumber(ledger)))).toBeGreaterThan(500_000n);
  });

  it("of several CAs takes each one's own published number, and guesses for the rest", async () => {
    makeInstance(here, 'sub');
    withLedger(path.join(here.state, 'sub', 'ledger.sqlite'), (ledger) => {
      insertCrl(ledger, crl(1000n));
    });
    const file = await made();
    const there = host('there');
    expect(await restore(file, there, '--above', '42')).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('--above ca=NUMBER, --above sub=NUMBER') as string,
    });
    expect(await restore(file, there, '--above', 'other=42')).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("no state of an instance 'other'") as string,
    });
    expect(existsSync(there.ledger)).toBe(false);
    const said = await restore(file, there, '--above', 'ca=0x2A');
    expect(said.exitCode, said.err).toBe(0);
    expect(said.out).toContain('ca: restored; the next CRL has a number above 42\n');
    expect(said.out).toMatch(/sub: restored; the next CRL has a number above [2-9]\d{3}\n/u);
  });

  it('goes on just above the published number where that is said', async () => {
    const there = host('there');
    expect((await restore(await made(), there, '--above', '0x2A')).exitCode).toBe(0);
    expect(withLedger(there.ledger, (ledger) => nextCrlNumber(highestCrlNumber(ledger)))).toBe(43n);
  });

  it('does not go on with a saving of that time, and still knows what was left on the token', async () => {
    const retained = [{ certificate: 'AA==', since: new Date('2026-01-01T00:00:00Z') }];
    withLedger(here.ledger, (ledger) => {
      for (const nickname of ['quiet', 'left behind', 'begun']) noteInPlace(ledger, nickname, 'ab', new Date());
      noteRetained(ledger, 'left behind', retained, new Date());
      announce(ledger, 'left behind', [], new Date());
      announce(ledger, 'begun', ['AA=='], new Date());
    });
    const there = host('there');
    const said = await restore(await made(), there);
    expect(said.out).toContain("not gone on with: 'begun', 'left behind'");
    withLedger(there.ledger, (ledger) => {
      expect(unfinished(ledger)).toEqual([]);
      expect(journalEntry(ledger, 'begun')).toBeUndefined();
      expect(journalEntry(ledger, 'left behind')?.detail).toEqual({ before: [], left: [], retained });
      expect(journalEntry(ledger, 'quiet')).toMatchObject({ step: 'done', certificate: 'ab' });
    });
  });

  it.each([
    ['of a later version', (manifest: string) => manifest.replace('"format": 1', '"format": 2'), /made by a newer hsmonger/u],
    [
      'with a file that leads elsewhere',
      (manifest: string) => manifest.replace('superseded/ca.01.pem', '../../ca.01.pem'),
      /in its manifest instances\.0\.parts/u,
    ],
    [
      'with other contents than it says',
      (manifest: string) => manifest.replace(/("name": "setup\.json",\s+"size": 2,\s+"sha256": ")[0-9a-f]/u, '$1X').replace('"X', '"0'),
      /manifest|is not what the backup says/u,
    ],
  ])('refuses a backup %s, and leaves nothing', async (_what, change, words) => {
    const file = await made();
    const unpacked = inScratch('unpacked');
    mkdirSync(unpacked);
    await run('tar', ['--extract', '--file', file, '--directory', unpacked]);
    const manifest = path.join(unpacked, 'manifest.json');
    writeFileSync(manifest, change(readFileSync(manifest, 'utf8')));
    await run('tar', ['--create', '--file', file, '--directory', unpacked, '.']);
    const there = host('there');
    const said = await restore(file, there);
    expect(said).toMatchObject({ exitCode: 1, err: expect.stringMatching(words) as string });
    expect(existsSync(path.join(there.state, 'ca'))).toBe(false);
    expect(readdirSync(there.config)).toEqual([]);
  });

  it('refuses what somebody else could have written, and what is no backup', async () => {
    const file = await made();
    chownSync(file, owner.uid, owner.gid);
    expect(await restore(file, host('there'))).toMatchObject({ exitCode: 2, err: expect.stringContaining('is owned by uid') as string });
    writeFileSync(inScratch('junk.tar'), 'junk');
    expect(await restore(inScratch('junk.tar'), host('there'))).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('is no backup of hsmonger') as string,
    });
  });
});

const program = path.join(installation().executables, 'hsmonger');

/** Kills it after so many milliseconds; whether it was still at work. */
async function killed(after: number, ...args: string[]): Promise<boolean> {
  const child = spawn(program, args, { stdio: 'ignore', detached: true });
  const ended = once(child, 'exit');
  await sleep(after);
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // It was quicker.
  }
  const [, signal] = (await ended) as [number | null, string | null];
  return signal === 'SIGKILL';
}

describe('a ledger that is held', () => {
  const place = () => ({
    instance: loadInstance({ config: here.config, state: here.state }, 'ca'),
    directories: { config: here.config, state: here.state },
  });
  const mayWrite = () => {
    const open = new Sqlite(here.ledger, { timeout: 0 });
    try {
      open.exec('BEGIN IMMEDIATE; ROLLBACK');
      return true;
    } catch {
      return false;
    } finally {
      open.close();
    }
  };
  const until = async (condition: () => boolean) => {
    while (!condition()) await sleep(20);
  };

  it('can be read and not written until it is let go, and tells its highest CRL number', async () => {
    await holdingLedger(place(), async ({ mark, assertHeld }) => {
      expect(mark).toEqual({ crlNumber: '5' });
      expect(mayWrite()).toBe(false);
      expect(issuedCount(here.ledger)).toBe(0);
      assertHeld();
      await Promise.resolve();
    });
    expect(mayWrite()).toBe(true);
  });

  it('is not replaced where the process that holds it was killed', async () => {
    const holder = () =>
      processes().find(({ parent, command }) => parent === process.pid && command.some((word) => word.endsWith('/worker.cjs')))?.pid;
    await holdingLedger(place(), async ({ assertHeld }) => {
      process.kill(Number(holder()), 'SIGKILL');
      await until(() => {
        try {
          assertHeld();
          return false;
        } catch {
          return true;
        }
      });
      expect(assertHeld).toThrow(
        expect.objectContaining({ code: 'STATE_BUSY', message: expect.stringMatching(/^'ca' was not replaced: /u) as string }) as Error,
      );
    });
  });

  it('is let go where whoever asked for it was killed', async () => {
    const script = inScratch('hold.ts');
    const source = (name: string) => JSON.stringify(path.resolve(name));
    writeFileSync(
      script,
      `import { holdingLedger } from ${source('src/cli/backup/hold-ledger.ts')}; import { loadInstance } from ${source('src/config/load.ts')}; const directories = ${JSON.stringify(place().directories)}; void holdingLedger({ directories, instance: loadInstance(directories, 'ca') }, () => new Promise(() => { console.log('held'); setInterval(() => undefined, 1000); }));`,
    );
    const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    expect(mayWrite()).toBe(false);
    child.kill('SIGKILL');
    await until(mayWrite);
  });
});

describe('killed in the middle', () => {
  it('a backup is there whole or not at all, and the next one sweeps', async () => {
    const kills = await Promise.all(
      [50, 100, 200, 400, 700, 1000].map(async (after, n) => ({
        n,
        at: await killed(after, 'backup', inScratch(`killed${String(n)}.tar`), ...here.flags),
      })),
    );
    expect(kills.some(({ at }) => at)).toBe(true);
    const file = await made();
    expect(readdirSync(scratch.path).filter((name) => name.startsWith('.hsmonger-backup'))).toEqual([]);
    for (const name of readdirSync(scratch.path).filter((one) => one.startsWith('killed')))
      expect((await restore(inScratch(name), host(`of-${name}`))).exitCode, name).toBe(0);
    expect((await restore(file, host('there'))).exitCode).toBe(0);
  });

  it('only what root left there is swept: others could swap theirs for a link while it is emptied', async () => {
    const left = (name: string) => path.join(scratch.path, `.hsmonger-backup.${name}`);
    // Above the highest number of a process (PID_MAX_LIMIT).
    for (const name of ['4194305', '4194306', '4194306.tar', 'of-mine']) {
      mkdirSync(left(name));
      writeFileSync(path.join(left(name), 'in-it'), '');
    }
    chownSync(left('4194305'), owner.uid, owner.gid);
    await made();
    expect(['4194305', '4194306', '4194306.tar', 'of-mine'].filter((name) => existsSync(left(name)))).toEqual(['4194305', 'of-mine']);
  });

  it('a restore leaves the old state or the new one, and run again it finishes', async () => {
    const file = await made();
    withLedger(here.ledger, (ledger) => {
      ledger.exec("INSERT INTO interfaces VALUES ('later', 'x')");
    });
    let kills = 0;
    for (const after of [100, 200, 300, 450, 600, 900, 1300]) {
      if (await killed(after, 'restore', file, '--replace', 'ca', ...here.flags)) kills++;
      const known = [
        here.ledger,
        ...readdirSync(here.state)
          .filter((name) => name.startsWith('.replaced'))
          .map((name) => path.join(here.state, name, 'ledger.sqlite')),
      ].filter((one) => existsSync(one));
      expect(known.some((ledger) => new Sqlite(ledger, { readonly: true }).prepare('SELECT 1 FROM interfaces').get() !== undefined)).toBe(
        true,
      );
    }
    expect(kills).toBeGreaterThan(0);
    const said = await restore(file, here, '--replace', 'ca');
    expect(said.exitCode, said.err).toBe(0);
    expect(readdirSync(here.state).filter((name) => name.startsWith('.restoring'))).toEqual([]);
    expect(issuedCount(here.ledger)).toBe(0);
  }, 60_000);
});

describe('on a full disk', () => {
  const inside = (directory: string, size: string, prepare: string, ...args: string[]) =>
    execa(
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        `mount -t tmpfs -o size=${size},mode=0755 tmpfs '${directory}' && ${prepare} && '${program}' "$@"; status=$?; ls -A '${directory}'; exit $status`,
        'sh',
        ...args,
      ],
      { reject: false },
    );

  it('a backup is one sentence and no file', async () => {
    const small = inScratch('small');
    mkdirSync(small);
    const said = await inside(small, '64k', 'true', 'backup', path.join(small, 'one.tar'), ...here.flags);
    expect(said.exitCode).toBe(1);
    expect(said.stderr).toMatch(/^hsmonger: The disk of .* is full[^\n]*$/u);
    expect(said.stdout).toBe('');
    expect(readdirSync(path.join(here.state, 'ca'))).not.toContain('ledger.backup');
  });

  it('a restore is one sentence, and the state that was there is untouched', async () => {
    const file = await made();
    const there = host('there');
    mkdirSync(there.state);
    copyFileSync(file, inScratch('copy.tar'));
    const said = await inside(there.state, '64k', 'true', 'restore', inScratch('copy.tar'), ...there.flags);
    expect(said.exitCode).toBe(1);
    expect(said.stderr).toMatch(/^hsmonger: [^\n]*disk[^\n]*full[^\n]*$/u);
    expect(said.stdout.split('\n').filter((name) => name.startsWith('ca') || name.startsWith('.restoring'))).toEqual([]);
    expect(existsSync(path.join(there.config, 'ca.toml'))).toBe(false);
  });
});
