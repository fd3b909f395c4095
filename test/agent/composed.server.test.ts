/** The whole agent as it is built and started, all its parts at once, beside a real certmonger: what people see of it and can tell it. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { connectAgent, type ReceivedEvent } from '../../dbus/agent/client.js';
import { installation } from '../../src/platform/installation.js';
import { startAgent, type RunningAgent } from '../rig/agent.js';
import { getcert } from '../rig/certmonger.js';
import { startSite, type Site } from '../rig/site.js';
import { freePort } from '../rig/free-port.js';

vi.setConfig({ testTimeout: 120_000 });

let site: Site;
let agent: RunningAgent | undefined;
let conf: string;
let good: string;
const names = ['caSigningCert cert-pki-ca', 'ocspSigningCert cert-pki-ca', 'auditSigningCert cert-pki-ca', 'subsystemCert cert-pki-ca'];

beforeAll(async () => {
  site = await startSite({ authority: { each: { daysLeft: 300 }, only: { 'caSigningCert cert-pki-ca': { daysLeft: 3000 } } } });
  await site.setUp();
  await site.untilQuiet(60_000);
  conf = path.join(site.configDir, 'agent.conf');
  good = readFileSync(site.instanceFile, 'utf8');
}, 120_000);
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
});
afterAll(async () => {
  await site.stop();
});

const flags = () => ['--bus', site.bus.address, '--config-dir', site.configDir, '--state-dir', site.stateDir];
const start = async () => {
  agent = startAgent(flags());
  await agent.until(/looking after 'hsmonger'\./u, 30_000);
  return agent;
};
async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, patienceMs = 60_000): Promise<T> {
  for (const end = Date.now() + patienceMs; ; await sleep(100)) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end)
      throw new Error(`Not ${what} within ${String(patienceMs / 1000)} s:\n${agent?.log() ?? ''}\n${site.certmonger.log().slice(-2000)}`);
  }
}
/** What is served; undefined where nobody listens. */
const fetched = (where: { readonly socketPath: string } | { readonly port: number }, at: string) =>
  new Promise<string | undefined>((resolve) => {
    const asked = request({ ...where, host: '127.0.0.1', path: at, headers: { host: 'localhost' } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => {
        resolve(answer.statusCode === 200 ? text : undefined);
      });
    });
    asked.on('error', () => {
      resolve(undefined);
    });
    asked.end();
  });
test('is seen over its bus name, by the command line, on metrics and page; a reload moves the page alone; it ends with all its children', async () => {
  const socketPath = path.join(site.directory, 'metrics.sock');
  const textfile = path.join(site.directory, 'hsmonger.prom');
  const [port, other] = [await freePort(), await freePort()];
  const write = (page: number) => {
    writeFileSync(
      conf,
      `[metrics]\nsocket = "${socketPath}"\ntextfile = "${textfile}"\n\n[page]\nlisten = "127.0.0.1:${String(page)}"\n\n[notify]\njournal = false\n`,
    );
  };
  write(port);
  const running = await start();
  await running.until(/shown as user/u, 30_000);

  // bus and command line
  const status = await until('all at rest', async () => {
    const { stdout } = await execa(
      'busctl',
      ['--address', site.bus.address, 'call', 'org.hsmonger.Agent1', '/org/hsmonger/Agent1', 'org.hsmonger.Agent1', 'Status', 's', ''],
      { reject: false },
    );
    return stdout.match(/MONITORING/gu)?.length === names.length ? stdout : undefined;
  });
  for (const name of names) expect(status).toContain(name);
  const said = await until('nothing to attend to', async () => {
    const answer = await site.cli('agent', 'status');
    return answer.exitCode === 0 ? answer : undefined;
  });
  for (const name of names) expect(said.stdout).toContain(name);

  // metrics, page, text file
  const metrics = await until('metrics', () => fetched({ socketPath }, '/metrics'));
  for (const id of (await site.getcertRecords()).keys())
    expect(metrics).toContain(`certmonger_request_not_valid_after_date_seconds{nickname="${id}"`);
  const page = await until('a page', () => fetched({ port }, '/'));
  for (const name of names) expect(page).toContain(name);
  await until('a text file with all requests', () =>
    existsSync(textfile) && readFileSync(textfile, 'utf8').includes('certmonger_requests_total 4') ? true : undefined,
  );

  // what happens is told
  const events = execa(path.join(installation().executables, 'hsmonger'), [...flags(), 'agent', 'events', '--json'], {
    reject: false,
    stdin: 'ignore',
    timeout: 60_000,
    buffer: true,
  });
  try {
    let told = '';
    events.stdout.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
    // What is told before it listens is not told again.
    for (let left = 6; left > 0 && !told.includes('"renewed"'); left--) {
      await sleep(1500);
      await getcert(site.bus, ['resubmit', '-i', 'hsmonger.ocspSigningCert_cert-pki-ca', '-w']);
      await sleep(3000);
    }
    await until('told of the renewal', () =>
      told.includes('"renewed"') && told.includes('ocspSigningCert cert-pki-ca') ? true : undefined,
    );
  } finally {
    events.kill('SIGTERM');
    await events;
  }

  // a reload with another port: only the page moves
  // A look of the moment runs in a process of its own beside the one that stays.
  const prober = await until('one prober', () => {
    const all = running.children('prober.cjs');
    return all.length === 1 ? all[0] : undefined;
  });
  write(other);
  running.reload();
  await until('the page at its new place', () => fetched({ port: other }, '/'));
  expect(await fetched({ port }, '/')).toBeUndefined();
  expect(running.children('prober.cjs')).toContain(prober);
  expect(await site.cli('agent', 'reload')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("looking after 'hsmonger'") as string,
  });
  expect(running.children('prober.cjs')).toContain(prober);

  // a second one
  const second = await execa(path.join(installation().executables, 'hsmonger'), [...flags(), 'agent'], {
    reject: false,
    stdin: 'ignore',
    timeout: 60_000,
    extendEnv: false,
    env: { PATH: '/usr/bin:/bin' },
  });
  expect(second).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/^hsmonger: [^\n]+[.?]\n?$/u) as string });

  const children = running.children();
  expect(children.length).toBeGreaterThanOrEqual(2);
  const ending = Date.now();
  expect(await running.stop()).toBe(0);
  expect(Date.now() - ending).toBeLessThan(15_000);
  expect(children.filter((pid) => existsSync(`/proc/${String(pid)}`))).toEqual([]);
  expect(existsSync(socketPath)).toBe(false);
  expect(running.log()).not.toContain('MaxListenersExceededWarning');
});

test('lock and unlock beside it: told as events, and what waited for the PIN goes on', async () => {
  const memory = mkdtempSync('/dev/shm/hsmonger-test-');
  chmodSync(memory, 0o755);
  writeFileSync(conf, '[notify]\njournal = false\n');
  writeFileSync(site.instanceFile, good.replace(/^pin-file = .*$/mu, `pin-unlock = ${JSON.stringify(path.join(memory, 'hsmonger.pin'))}`));
  const told: ReceivedEvent[] = [];
  try {
    expect(await site.cli('unlock', '--pin-file', site.token.pinFile)).toMatchObject({ exitCode: 0 });
    expect((await site.cli('track', 'apply')).exitCode).toBe(0);
    await site.untilQuiet(60_000);
    const running = await start();
    const client = await connectAgent(site.bus.address, {});
    try {
      await client.onEvent((event) => {
        told.push(event);
      });
      await until('well', async () => ((await site.cli('agent', 'status')).exitCode === 0 ? true : undefined));
      expect((await site.cli('lock')).exitCode).toBe(0);
      await until('told of the lock', () => told.find(({ kind }) => kind === 'locked'));
      await until('seen by the agent', async () => ((await site.cli('agent', 'status')).exitCode === 3 ? true : undefined));
      await getcert(site.bus, ['resubmit', '-i', 'hsmonger.auditSigningCert_cert-pki-ca']);
      await until('waiting for the PIN', async () =>
        (await site.getcertRecords()).get('hsmonger.auditSigningCert_cert-pki-ca')?.get('status')?.endsWith('_PIN') === true
          ? true
          : undefined,
      );
      expect(await site.cli('unlock', '--pin-file', site.token.pinFile)).toMatchObject({ exitCode: 0 });
      await until('told of the unlocking', () => told.find(({ kind }) => kind === 'unlocked'));
      await until('renewed', () => told.find(({ kind, nickname }) => kind === 'renewed' && nickname === 'auditSigningCert cert-pki-ca'));
      await until('well again', async () => ((await site.cli('agent', 'status')).exitCode === 0 ? true : undefined));
      expect(running.log()).not.toContain('MaxListenersExceededWarning');
    } finally {
      client.disconnect();
    }
  } finally {
    rmSync(memory, { recursive: true, force: true });
  }
});
