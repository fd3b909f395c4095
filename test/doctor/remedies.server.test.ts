import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applyRemedy } from '../../src/cli/doctor/remedies/apply.js';
import { loadInstance } from '../../src/config/load.js';
import type { Remedy } from '../../src/doctor/finding.js';
import { getcert } from '../rig/certmonger.js';
import { startSite, type Site } from '../rig/site.js';

const subsystem = 'subsystemCert cert-pki-ca';
let site: Site;

beforeAll(async () => {
  // Nothing is due: what is renewed is renewed because it was submitted again.
  site = await startSite({ authority: { each: { daysLeft: 400 }, only: { 'caSigningCert cert-pki-ca': { daysLeft: 3000 } } } });
  await site.setUp();
}, 180_000);
afterAll(() => site.stop());

test('what certmonger must do is done through certmonger: a missing request is added, one is submitted again; then nothing is wrong', async () => {
  const directories = { config: site.configDir, state: site.stateDir };
  const given = {
    place: { instance: loadInstance(directories, 'hsmonger'), directories },
    bus: site.bus.address,
    env: {},
    now: new Date(),
    login: false,
  };
  const said: string[] = [];
  const remedy = (one: Remedy) =>
    applyRemedy(given, one, (sentence) => {
      said.push(sentence);
    });
  const before = [...(await site.getcertRecords()).keys()].sort();
  const stopped = await site.cli('track', 'stop', '-n', subsystem);
  expect(stopped.exitCode, stopped.stderr).toBe(0);
  // One that is left over is for a person to end, whatever else is put right.
  const [crt, key] = [path.join(site.directory, 'gone.crt'), path.join(site.directory, 'gone.key')];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=gone', '-days', '300', '-out', crt, '-keyout', key],
    { stdio: 'ignore' },
  );
  await getcert(site.bus, ['start-tracking', '-I', 'hsmonger.gone', '-f', crt, '-k', key, '-c', 'hsmonger']);
  await remedy({ kind: 'reconcile' });
  expect(said).toEqual([expect.stringContaining("The request 'hsmonger.gone' is of this instance")]);
  expect([...(await site.getcertRecords()).keys()].sort()).toEqual([...before, 'hsmonger.gone'].sort());
  await expect(remedy({ kind: 'reconcile' })).rejects.toThrow(/hsmonger track plan/u);
  await getcert(site.bus, ['stop-tracking', '-i', 'hsmonger.gone']);
  expect([...(await site.getcertRecords()).keys()].sort()).toEqual(before);
  // Asked of certmonger, not of the token: a look through certutil logs in, and SoftHSM rewrites the token's file at every login.
  const expires = async () =>
    [...(await site.getcertRecords()).values()]
      .find((record) => record.get('certificate')?.includes(`nickname='${subsystem}'`))
      ?.get('expires');
  const was = await expires();
  await remedy({ kind: 'resubmit', nickname: subsystem });
  await expect.poll(expires, { timeout: 120_000, interval: 500 }).not.toBe(was);
  await expect(remedy({ kind: 'resubmit', nickname: 'none' })).rejects.toThrow(/has no certificate 'none'/u);
  await site.untilQuiet(60_000);
  await remedy({ kind: 'finish savings' });
  // After a renewal, too, nothing is wrong.
  const { stdout } = await site.cli('doctor', '--output', 'json', '--failures-only', '--login', '--source', 'hsmonger');
  expect(
    (JSON.parse(stdout) as { check: string; source: string }[]).filter(({ source }) =>
      /^hsmonger\.(?:token|pin|keys|certificates|nss)$/u.test(source),
    ),
  ).toEqual([]);
}, 180_000);
