/** The daemon as systemd runs it, beside a real certmonger: start, reload, end, and what restarts around it. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { installation } from '../../src/platform/installation.js';
import { startAgent, type RunningAgent } from '../rig/agent.js';
import { startBus } from '../rig/bus.js';
import { startCertmonger } from '../rig/certmonger.js';
import { startNotifySocket } from '../rig/notify-socket.js';
import { startSite, type Site } from '../rig/site.js';

vi.setConfig({ testTimeout: 120_000 });

let site: Site;
let agent: RunningAgent | undefined;
let file: string;
let good: string;

beforeAll(async () => {
  site = await startSite({ authority: { each: { daysLeft: 300 }, only: { 'caSigningCert cert-pki-ca': { daysLeft: 3000 } } } });
  await site.setUp();
  await site.untilQuiet(60_000);
  file = path.join(site.configDir, 'hsmonger.toml');
  good = readFileSync(file, 'utf8');
});
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
  writeFileSync(file, good);
});
afterAll(async () => {
  await site.stop();
});

const flags = () => ['--bus', site.bus.address, '--config-dir', site.configDir, '--state-dir', site.stateDir];
const instance = (name: string) => path.join(site.configDir, `${name}.toml`);

test('with no instance file it says what to do and ends with 2; so it does where the only one is broken', async () => {
  const empty = path.join(site.directory, 'empty');
  mkdirSync(empty);
  const start = () =>
    execa(
      path.join(installation().executables, 'hsmonger'),
      ['agent', '--bus', site.bus.address, '--config-dir', empty, '--state-dir', site.stateDir],
      { reject: false, stdin: 'ignore', timeout: 30_000 },
    );
  const none = await start();
  expect(none.exitCode).toBe(2);
  expect(none.stderr).toContain('nothing to look after');
  expect(none.stderr).toContain('hsmonger setup');
  writeFileSync(path.join(empty, 'other.toml'), 'user = 3\n');
  const broken = await start();
  expect(broken).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('other.toml') as string });
});

test('needs no directory; what cannot be used is told once, at start and at each reload, and counts as it was', async () => {
  writeFileSync(instance('broken'), 'user = 3\n');
  agent = startAgent(flags());
  await agent.until(/looking after 'hsmonger'\./u, 20_000);
  expect(agent.log().match(/broken\.toml.*nobody looks after 'broken'/gu)).toHaveLength(1);

  writeFileSync(instance('broken'), good);
  writeFileSync(file, good.replace(/^user = .*$/mu, 'user = 3'));
  agent.reload();
  await agent.until(/read agent\.conf and the instance files again; looking after 'broken', 'hsmonger'\./u, 20_000);
  expect(agent.log()).toMatch(/hsmonger\.toml.*hsmonger\.toml counts as it was/u);

  rmSync(instance('broken'));
  writeFileSync(path.join(site.configDir, 'agent.conf'), 'page = 3\n');
  agent.reload();
  await agent.until(/again; looking after 'hsmonger'\.\n/u, 20_000);
  expect(agent.log()).toMatch(/agent\.conf.*agent\.conf counts as it was/u);
  rmSync(path.join(site.configDir, 'agent.conf'));
  expect(await agent.stop()).toBe(0);
  expect(agent.log()).toMatch(/stopped\.\n$/u);
});

test('certmonger killed and started again leaves one line each', async () => {
  agent = startAgent(flags());
  await agent.until(/looking after/u, 20_000);
  await site.certmonger.kill('SIGKILL');
  await agent.until(/certmonger does not run/u, 20_000);
  await site.certmonger.restart();
  await agent.until(/certmonger answers again; it has 4 requests\./u, 30_000);
  expect(agent.log().match(/certmonger does not run/gu)).toHaveLength(1);
  expect(agent.log().match(/answers again/gu)).toHaveLength(1);
});

test('systemd hears that it is ready, that it lives, that it reloads and that it stops', async () => {
  const systemd = await startNotifySocket(site.directory);
  try {
    agent = startAgent(flags(), { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: '3000000' });
    await systemd.until((told) => told.includes('READY=1') && told.filter((word) => word === 'WATCHDOG=1').length >= 3, 60_000);
    agent.reload();
    await systemd.until((told) => told.lastIndexOf('READY=1') > told.indexOf('RELOADING=1') && told.includes('RELOADING=1'), 30_000);
    expect(await agent.stop(), agent.log()).toBe(0);
    await systemd.until((told) => told.includes('STOPPING=1'), 10_000);
  } finally {
    systemd.stop();
  }
});

/** The last one: certmonger's session daemon ends with its bus, and what the site started is not there any more. */
test('the bus restarted, and certmonger on it: one line, and every request is there again', async () => {
  agent = startAgent(flags());
  await agent.until(/looking after/u, 20_000);
  await site.certmonger.kill('SIGKILL');
  await site.bus.stop();
  await agent.until(/connection to the bus|Cannot talk to the bus/u, 30_000);
  const bus = await startBus(site.directory);
  try {
    const certmonger = await startCertmonger({ directory: site.directory, bus, token: site.token });
    try {
      await agent.until(/certmonger answers again; it has 4 requests\./u, 60_000);
      expect(agent.log().match(/answers again/gu)).toHaveLength(1);
      expect(await agent.stop()).toBe(0);
    } finally {
      await certmonger.stop();
    }
  } finally {
    await bus.stop();
  }
});
