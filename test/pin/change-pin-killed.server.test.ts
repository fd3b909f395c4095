/** token change-pin, killed everywhere: it is finished by running it again, or by the agent, and costs no more than one refused attempt. */
import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Directories } from '../../src/config/instance.js';
import { loadInstance } from '../../src/config/load.js';
import { changingPins, pinChanges } from '../../src/service/pin/change-journal.js';
import { finishPinChange } from '../../src/service/pin/change.js';
import { getcert } from '../rig/certmonger.js';
import type { Site } from '../rig/site.js';
import { changeRig, type ChangeRig } from './change-rig.js';

const spy = '/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so';
const repository = path.resolve(import.meta.dirname, '../..');
let rig: ChangeRig;
let site: Site;
let files: readonly string[];
let directories: Directories;
let now: string;

beforeAll(async () => {
  rig = await changeRig();
  ({ site, files, directories } = rig);
  now = site.token.pin;
}, 120_000);
afterAll(async () => {
  await site.stop();
});

describe('killed', () => {
  let log: string;
  beforeAll(() => {
    // Every login of ours is written down from here on.
    log = path.join(mkdtempSync(path.join(site.directory, 'spied-')), 'log');
    chownSync(path.dirname(log), site.owner.uid, site.owner.gid);
    const file = path.join(site.configDir, 'hsmonger.toml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      text
        .replace(/^module = .*$/mu, `module = ${JSON.stringify(spy)}`)
        .replace(
          /SOFTHSM2_CONF = /u,
          `PKCS11SPY = ${JSON.stringify(site.token.module)}\nPKCS11SPY_OUTPUT = ${JSON.stringify(log)}\nSOFTHSM2_CONF = `,
        ),
    );
  });
  const refusedLogins = () =>
    existsSync(log) ? (readFileSync(log, 'utf8').match(/: C_Login\b(?:[^C]|C(?!_))*CKR_PIN_INCORRECT/gu)?.length ?? 0) : 0;

  async function walk(pin: string, dieAt: number, more: { readonly after?: number; readonly finish?: boolean } = {}): Promise<string> {
    const order = { directories, files, pin, dieAt, ...more };
    const run = promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', path.join(import.meta.dirname, 'change-worker.ts'), JSON.stringify(order)],
      { cwd: repository },
    );
    return run.then(
      ({ stdout }) => stdout,
      (error: unknown) => ((error as { readonly signal?: unknown }).signal === 'SIGKILL' ? 'killed' : Promise.reject(error as Error)),
    );
  }

  it('before each of its effects, it is finished by running it again, or by the agent, with at most one refused attempt', async () => {
    const effects = Number.parseInt(await walk('pin-of-the-whole-walk', 0), 10);
    now = 'pin-of-the-whole-walk';
    expect(effects).toBeGreaterThan(15);
    const ends: string[] = [];
    for (let dieAt = 1; dieAt <= effects; dieAt += 1) {
      const before = refusedLogins();
      const next = `pin-${String(dieAt)}-of-walk`;
      expect(await walk(next, dieAt)).toBe('killed');
      // While it hangs, nobody finds a PIN that the token would refuse.
      for (const file of files.filter((one) => existsSync(one)))
        expect(await rig.tokenTakes(readFileSync(file, 'utf8').trim()), `killed before effect ${String(dieAt)}`).toBe(true);
      if (dieAt % 2 === 0) {
        const run = await rig.change(next);
        expect(run, run.stderr).toMatchObject({ exitCode: 0 });
        now = next;
      } else {
        const [left] = pinChanges(directories);
        const end =
          left === undefined
            ? 'nothing'
            : await changingPins(directories, () =>
                finishPinChange({ directories, instance: loadInstance(directories, 'hsmonger') }, left),
              );
        ends.push(end);
        if (end === 'changed') now = next;
      }
      rig.expectEverywhere(now);
      expect(await rig.tokenTakes(now)).toBe(true);
      expect(refusedLogins() - before).toBeLessThanOrEqual(1);
    }
    // Killed just before the token changed: the new PIN was refused.
    expect(refusedLogins()).toBeGreaterThan(0);
    expect(new Set(ends)).toEqual(new Set(['nothing', 'undone', 'changed']));
  }, 300_000);

  it('while a worker is at the token, it is decided by what the token takes', async () => {
    const ends = new Set<string>();
    const asking = 2 + 2 * files.length + 1;
    for (const after of [60, 150, 250, 350, 500]) {
      const before = refusedLogins();
      const next = `pin-${String(after)}-ms-in`;
      const end = await walk(next, asking, { after });
      const run = await rig.change(next);
      expect(run, `${end} ${run.stderr}`).toMatchObject({ exitCode: 0 });
      ends.add(/An interrupted change[^:]*: the token has the (?<which>new|old)/u.exec(run.stderr)?.groups?.['which'] ?? end);
      now = next;
      rig.expectEverywhere(now);
      expect(await rig.tokenTakes(now)).toBe(true);
      expect(refusedLogins() - before).toBeLessThanOrEqual(1);
    }
    expect(ends.has('old') || ends.has('new')).toBe(true);
  }, 120_000);

  it('while it puts everything back, or finishes what was killed, it is finished all the same', async () => {
    const whole = await walk('123', 0);
    expect(whole).toMatch(/^\d+ PIN_NOT_CHANGED$/u);
    const asking = 2 + 2 * files.length + 1;
    for (let dieAt = asking + 1; dieAt <= Number.parseInt(whole, 10); dieAt += 1) {
      expect(await walk('123', dieAt), `undoing, effect ${String(dieAt)}`).toBe('killed');
      expect(await walk('', 0, { finish: true })).not.toBe('killed');
      rig.expectEverywhere(now);
    }
    // The new PIN is refused, the old one taken, and then the files are put back; killed at each step.
    for (let dieAt = 1; ; dieAt += 1) {
      const before = refusedLogins();
      expect(await walk('pin-nobody-gets', asking)).toBe('killed');
      const end = await walk('', dieAt, { finish: true });
      if (end === 'killed') expect(await walk('', 0, { finish: true }), `finishing, effect ${String(dieAt)}`).not.toBe('killed');
      rig.expectEverywhere(now);
      expect(await rig.tokenTakes(now)).toBe(true);
      expect(refusedLogins() - before).toBe(1);
      if (end !== 'killed') break;
    }
  }, 300_000);

  it('a request that met the moment without a PIN waits, and goes on once it is finished', async () => {
    const asking = 2 + 2 * files.length + 1;
    expect(await walk('pin-met-in-between', asking)).toBe('killed');
    const before = (await site.getcertRecords()).get(rig.id)?.get('expires');
    await getcert(site.bus, ['resubmit', '-i', rig.id]);
    for (
      const end = Date.now() + 30_000;
      (await site.getcertRecords()).get(rig.id)?.get('status')?.endsWith('_PIN') !== true;
      await sleep(200)
    )
      if (Date.now() > end) throw new Error(site.certmonger.log().slice(-3000));
    const status = await site.cli('token', 'check');
    expect(status).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/is set aside while the token's PIN is changed.*'hsmonger token change-pin' again/u) as string,
    });
    const run = await rig.change('pin-met-in-between');
    expect(run, run.stderr).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`Set going again: ${rig.id}`) as string });
    await rig.untilRenewed(before);
  }, 120_000);
});
