import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'smol-toml';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseInstance } from '../../src/config/schema.js';
import { holdRenewalLock } from '../../src/freeipa/renewal-lock.js';
import { whileServerStopped } from '../../src/service/server-stopped.js';
import { fakeSystemd, type FakeSystemd } from '../renewal/fake-systemd.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

const unit = 'pki.service';
let place: PrivateDirectory;
let systemd: FakeSystemd;
let lockFile: string;
beforeEach(() => {
  place = privateDirectory('server-stopped');
  lockFile = path.join(place.path, 'renewal.lock');
  systemd = fakeSystemd(place.path);
  systemd.set(unit, 'active');
});
afterEach(() => {
  place.remove();
});

const instanceOf = (section: string) =>
  parseInstance(
    'x',
    '/x.toml',
    parse(
      `[token]\nlabel="t"\nmodule="/m.so"\npin-file="/p"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n[pki]\nunit="${unit}"\n${section}`,
    ),
  );
const ipa = () => instanceOf(`[freeipa]\nsubject-base="O=X"\nlock-file="${lockFile}"\n`);

test.each([
  ['on a FreeIPA server', ipa],
  ['of a plain Dogtag', () => instanceOf('')],
])('%s two savings at once do not start the server for each other', async (_where, instance) => {
  const seen: string[] = [];
  const saving = (name: string) =>
    whileServerStopped(
      instance(),
      { run: systemd.run, tell: () => undefined, lockFile: (name) => (name === unit ? lockFile : '/nonexistent/lock') },
      async () => {
        seen.push(`${name} ${systemd.state(unit)}`);
        await sleep(300);
        seen.push(`${name} ${systemd.state(unit)}`);
      },
    );
  await Promise.all([saving('a'), saving('b')]);
  const [first] = seen;
  expect(seen).toEqual(
    first === 'a inactive'
      ? ['a inactive', 'a inactive', 'b inactive', 'b inactive']
      : ['b inactive', 'b inactive', 'a inactive', 'a inactive'],
  );
  expect(systemd.state(unit)).toBe('active');
  expect(readFileSync(lockFile, 'utf8')).toContain('locked = 0');
});

test("while FreeIPA's own program holds the renewal lock, the server is not stopped", async () => {
  const held = await holdRenewalLock(lockFile, 'renew_ca_cert', { waitMs: 0 });
  await expect(
    whileServerStopped(ipa(), { run: systemd.run, tell: () => undefined, lockMs: 0 }, () => Promise.resolve()),
  ).rejects.toMatchObject({ code: 'RENEWAL_LOCKED' });
  expect(systemd.calls()).toEqual([]);
  held.release();
  await expect(
    whileServerStopped(ipa(), { run: systemd.run, tell: () => undefined, lockMs: 0 }, () => Promise.reject(new Error('no token'))),
  ).rejects.toThrow('no token');
  expect(readFileSync(lockFile, 'utf8')).toContain('locked = 0');
});
