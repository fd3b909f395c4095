import { X509Certificate } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { requestId } from '../../src/config/request-id.js';
import { run } from '../../src/platform/run.js';
import { fakeSystemd, type FakeSystemd } from '../renewal/fake-systemd.js';
import { audit, ca, subsystem } from '../renewal/saving-rig.js';
import { agent, server, serverRig, unit, type ServerRig } from '../renewal/server-rig.js';
import type { HookOrder } from './hook-process.js';

// Each test starts a dozen processes; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let rig: ServerRig;
let systemd: FakeSystemd;
let flags: string[];
let days = 600;
beforeAll(async () => {
  rig = await serverRig();
  const { instance } = rig;
  const etc = path.join(rig.directory, 'etc');
  mkdirSync(etc);
  const { uri, base, host } = instance.directory!;
  const toml = `user = "${instance.user}"
[token]
label = "${rig.token.label}"
module = "${rig.token.module}"
pin-file = "${rig.token.pinFile}"
environment = { SOFTHSM2_CONF = "${rig.token.confFile}" }
[nss]
database = "${rig.nss.database}"
[issuer]
type = "external"
certificate = "${ca}"
[directory]
uri = "${uri}"
bind = "external"
base = "${base}"
host = "${host}"
[pki]
directory = "${instance.pki!.directory}"
unit = "${unit}"
certificates-in-config = true
[[certificate]]
nickname = "${subsystem}"
profile = "caSubsystemCert"
[[certificate]]
nickname = "${server}"
profile = "caServerCert"
token = "internal"
[[certificate]]
nickname = "${agent}"
profile = "caSubsystemCert"
certificate-file = "${rig.agentFiles.certificate}"
key-file = "${rig.agentFiles.key}"
owner = "root:${instance.user}"
mode = "0440"
`;
  writeFileSync(path.join(etc, 'hsmonger.toml'), toml);
  flags = ['--instance', 'hsmonger', '--config-dir', etc, '--state-dir', path.dirname(rig.stateDirectory)];
  systemd = fakeSystemd(path.join(rig.directory, 'systemd'));
  systemd.set(unit, 'active');
});
afterAll(async () => {
  await rig.stop();
});

async function hook(
  which: HookOrder['hook'],
  nickname: string | undefined,
  more: Pick<HookOrder, 'die' | 'failing'> = {},
): Promise<string> {
  const argv = [...flags, ...(nickname === undefined ? ['--resume'] : ['--request', requestId({ name: 'hsmonger' }, nickname)])];
  const order: HookOrder = { hook: which, argv, systemd: path.join(rig.directory, 'systemd'), ...more };
  const { stderr } = await run(process.execPath, ['--import', 'tsx', path.resolve(import.meta.dirname, 'hook-process.ts')], {
    cwd: path.resolve(import.meta.dirname, '../..'),
    input: JSON.stringify(order),
    timeoutMs: 200_000,
    okExitCodes: [0, 1],
  });
  return stderr;
}

/** The calls since then, without the listing of timers and the one that stands in for a killed process. */
async function during(work: () => Promise<unknown>): Promise<string[]> {
  const before = systemd.calls().length;
  await work();
  return systemd
    .calls()
    .slice(before)
    .filter((call) => !call.includes('list-units') && !call.includes('hsmonger-unfinished:'));
}

const serialOf = (der: Buffer) => BigInt(`0x${new X509Certificate(der).serialNumber}`).toString();
const user = async () =>
  /^description: 2;(\d+);/mu.exec(
    await rig.ds.servers[0]!.search('-o', 'ldif-wrap=no', '-b', 'ou=people,o=ipaca', '(uid=pkidbuser)', 'description'),
  )?.[1];
const retries = () => systemd.timers().filter((timer) => timer.startsWith('hsmonger-retry:'));
const guards = () => systemd.timers().filter((timer) => timer.startsWith('hsmonger-server:'));
const standIns = () => systemd.timers().filter((timer) => timer.startsWith('hsmonger-unfinished:'));
const unfinished = async () =>
  ((await rig.act({ action: 'unfinished' })) as unknown as { value: { nickname: string; step: string }[] }).value.map(
    ({ nickname, step }) => `${nickname} ${step}`,
  );
const renew = () => rig.renew(subsystem, { daysLeft: (days += 10) });

test('the server is stopped for the saving alone, behind a guard, and everybody knows the new certificate before it starts', async () => {
  expect(await during(() => hook('pre-save', subsystem))).toEqual([]);
  const renewed = await renew();
  let said = '';
  const calls = await during(async () => (said = await hook('post-save', subsystem)));
  expect(said).toMatch(/^hsmonger-post-save: 'subsystemCert cert-pki-ca' renewed: .*; 1 superseded removed\.$/mu);
  expect(calls).toEqual([
    `systemctl is-active ${unit}`,
    expect.stringMatching(/^systemd-run --unit=hsmonger-server:hsmonger:\d+-\S+ --on-active=15min /u),
    `systemctl stop ${unit}`,
    `systemctl restart ${unit}`,
    expect.stringMatching(/^systemctl stop hsmonger-server:hsmonger:\d+-\S+\.timer$/u),
  ]);
  expect(systemd.timers()).toEqual([]);
  expect(await user()).toBe(serialOf(renewed));
  expect(rig.config('kra')).toContain(`kra.subsystem.cert=${renewed.toString('base64')}\n`);
  expect(await unfinished()).toEqual([]);
});

test("an agent's files get back the owner and mode they are to have, and no server is stopped", async () => {
  await hook('pre-save', agent);
  const renewed = await rig.renewAgent();
  chownSync(rig.agentFiles.certificate, 12345, 12345);
  for (const file of Object.values(rig.agentFiles)) chmodSync(file, 0o666);
  expect(await during(() => hook('post-save', agent))).toEqual([]);
  for (const file of Object.values(rig.agentFiles))
    expect(statSync(file)).toMatchObject({ uid: 0, gid: rig.token.owner!.gid, mode: 0o100440 });
  expect(await rig.ds.servers[0]!.search('-o', 'ldif-wrap=no', '-b', 'ou=people,o=ipaca', '(uid=ipara)', 'description')).toContain(
    `description: 2;${serialOf(renewed)};`,
  );
  expect(await unfinished()).toEqual([]);
});

test('with the directory away the server starts with the new certificate; the timer has the rest done, and the server started anew', async () => {
  await hook('pre-save', subsystem);
  const renewed = await renew();
  await rig.ds.kill(1);
  try {
    const said = await hook('post-save', subsystem);
    expect(said).toMatch(/'users updated' is left and is tried again by itself/u);
    expect(systemd.state(unit)).toBe('active');
    expect(guards()).toEqual([]);
    expect(retries()).toHaveLength(1);
    expect(await unfinished()).toEqual([`${subsystem} in service`]);
    expect(rig.config('ca')).toContain(`ca.subsystem.cert=${renewed.toString('base64')}\n`);
    expect(await during(() => hook('post-save', undefined))).toEqual([]);
    expect(retries()).toHaveLength(1);
  } finally {
    await rig.ds.start(1);
  }
  const calls = await during(() => hook('post-save', undefined));
  expect(calls).toEqual([`systemctl is-active ${unit}`, `systemctl restart ${unit}`]);
  expect(await user()).toBe(serialOf(renewed));
  expect(await unfinished()).toEqual([]);
});

test.each<{ at: string; when: 'before' | 'after'; guarded: boolean }>([
  { at: 'ask prepare saving', when: 'after', guarded: false },
  { at: 'systemd-run --unit=hsmonger-server:', when: 'after', guarded: true },
  { at: `systemctl stop ${unit}`, when: 'before', guarded: true },
  { at: `systemctl stop ${unit}`, when: 'after', guarded: true },
  { at: 'ask after saving', when: 'after', guarded: true },
  { at: `systemctl restart ${unit}`, when: 'before', guarded: true },
  { at: `systemctl restart ${unit}`, when: 'after', guarded: true },
  { at: 'systemctl stop hsmonger-server:', when: 'after', guarded: false },
  { at: 'ask finish saving', when: 'before', guarded: false },
])(
  'post-save killed $when "$at": a guard stands wherever the server is down, a timer has it finished, and so does the next call',
  async ({ at, when, guarded }) => {
    await hook('pre-save', subsystem);
    const renewed = await renew();
    // From pre-save on.
    expect(standIns()).toHaveLength(1);
    await expect(hook('post-save', subsystem, { die: { at, when } })).rejects.toThrow(/SIGKILL/u);
    expect(guards()).toHaveLength(guarded ? 1 : 0);
    expect(standIns()).toHaveLength(1);
    expect(
      systemd
        .calls()
        .filter((call) => call.startsWith('systemd-run --unit=hsmonger-unfinished:'))
        .at(-1),
    ).toMatch(/^systemd-run --unit=\S+ --on-active=900s .*\/hsmonger-post-save --resume --instance hsmonger --config-dir /u);
    if (systemd.state(unit) !== 'active') expect(guarded).toBe(true);
    await hook('post-save', undefined);
    expect(await unfinished()).toEqual([]);
    expect(systemd.state(unit)).toBe('active');
    expect(guards()).toEqual([]);
    systemd.elapse('hsmonger-unfinished:');
    expect(await user()).toBe(serialOf(renewed));
    expect((await rig.listed()).token.filter((line) => line.includes(subsystem))).toHaveLength(1);
  },
);

test('a server that does not come up keeps its guard; the saving is tried again, and nothing of it is lost', async () => {
  await hook('pre-save', subsystem);
  const renewed = await renew();
  expect(await hook('post-save', subsystem, { failing: 'systemctl restart' })).toContain('COMMAND_FAILED');
  expect(guards()).toHaveLength(1);
  expect(retries()).toHaveLength(1);
  expect(await user()).toBe(serialOf(renewed));
  expect(await unfinished()).toEqual([`${subsystem} checked`]);
  await hook('post-save', undefined);
  expect(await unfinished()).toEqual([]);
  expect(guards()).toEqual([]);
});

test('without systemd everything but the server and CS.cfg is done', async () => {
  await hook('pre-save', subsystem);
  const renewed = await renew();
  const said = await hook('post-save', subsystem, { failing: 'system' });
  expect(said).toContain('is not stopped');
  expect(await user()).toBe(serialOf(renewed));
  expect((await rig.listed()).token.filter((line) => line.includes(subsystem))).toHaveLength(1);
  expect(await during(() => hook('pre-save', subsystem))).toContain(`systemctl stop ${unit}`);
  expect(rig.config('ca')).toContain(`ca.subsystem.cert=${renewed.toString('base64')}\n`);
});

test("what cannot take the old one's place stops no server, now or later", async () => {
  await hook('pre-save', subsystem);
  await rig.renew(subsystem, { keyOf: audit, daysLeft: (days += 10) });
  let said = '';
  expect(await during(async () => (said = await hook('post-save', subsystem)))).toEqual([]);
  expect(said).toContain('KEY_MISMATCH');
  expect(await during(() => hook('post-save', undefined))).toEqual([]);
});
