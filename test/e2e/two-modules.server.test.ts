/**
 * One instance over two tokens of two modules: the CA on a SoftHSM token of this host, an OCSP certificate on one that p11-kit's client
 * reaches over a line.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { startTwoTokens, type TwoTokens } from '../rig/two-tokens.js';

let shared: PrivateDirectory;
let rig: TwoTokens;
let keys: (string | undefined)[][];
const keysOf = async () => [await rig.keysOf(rig.site.token), await rig.keysOf(rig.second)];

beforeAll(async () => {
  shared = privateDirectory('two-modules');
  rig = await startTwoTokens({ daysLeft: 300, rootDaysLeft: 3000, remote: shared });
  keys = await keysOf();
});
afterAll(async () => {
  await rig.site.stop();
  await rig.line?.cut();
  shared.remove();
});

const done = async (...args: string[]) => {
  const said = await rig.site.cli(...args);
  expect(said.exitCode, said.stdout + said.stderr + rig.site.certmonger.log().slice(-3000)).toBe(0);
  return said;
};

it('is set up with both modules in the NSS database, and renewed by certmonger on both tokens', async () => {
  const { site, second } = rig;
  expect(second.module).not.toBe(site.token.module);
  await done('setup', '--yes');
  const [was] = await rig.onSecond('ocsp');
  expect((await site.getcertRecords()).get('hsmonger.ocsp')?.get('key pair storage')).toContain(`token='${second.label}'`);
  await site.untilQuiet(60_000);
  await done('renew', 'ocsp', '--wait', '90');
  await done('renew', 'root', '--wait', '90');
  const stored = await rig.onSecond('ocsp');
  expect(stored).toHaveLength(1);
  const [before, after] = [new X509Certificate(was!), new X509Certificate(stored[0]!)];
  expect(after.publicKey.equals(before.publicKey)).toBe(true);
  expect(after.issuer).toBe('CN=root');
  expect(Date.parse(after.validTo)).toBeGreaterThan(Date.parse(before.validTo));
  expect(await keysOf()).toEqual(keys);
  expect(await site.cli('track', 'plan')).toMatchObject({ exitCode: 0 });
});

it('with the line cut, one module goes on alone, and the other is told', async () => {
  const { site } = rig;
  await rig.line?.cut();
  // A whole second after the last: what ends no later is refused.
  await sleep(1100);
  await done('renew', 'root', '--wait', '90');
  const plan = await site.cli('track', 'plan');
  expect(plan).toMatchObject({
    exitCode: 3,
    stdout: expect.stringMatching(/refused \(token-away\): 'ocsp' lies on the token 'second token'/u) as string,
  });
  await rig.line?.restore();
  await done('renew', 'ocsp', '--wait', '90');
  expect(await keysOf()).toEqual(keys);
});

it('the doctor loads and tells of each module', async () => {
  await done('doctor', '--fix', '--yes');
  const { stdout } = await rig.site.cli('doctor', '--login');
  for (const module of [rig.site.token.module, rig.second.module]) expect(stdout).toContain(`The PKCS#11 module ${module} loads.`);
  expect(stdout).not.toMatch(/^(?:error|critical)/mu);
});
