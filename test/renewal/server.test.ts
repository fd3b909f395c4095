import { renameSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseInstance } from '../../src/config/schema.js';
import { restartServer, startAbandoned, startServer, stopServer } from '../../src/renewal/server.js';
import { whileServerStopped } from '../../src/service/server-stopped.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { fakeSystemd, type FakeSystemd } from './fake-systemd.js';

const unit = 'pki-tomcatd@pki-tomcat.service';
const base = '[token]\nlabel="t"\nmodule="/m.so"\npin-file="/p"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n';
const instance = parseInstance('x', '/x.toml', parse(`${base}[pki]\nunit="${unit}"\n[saving]\nguard-minutes=7\n`));
const without = parseInstance('x', '/x.toml', parse(base));

let place: PrivateDirectory;
let systemd: FakeSystemd;
let failing: string | undefined;
beforeEach(() => {
  place = privateDirectory('server');
  failing = undefined;
  systemd = fakeSystemd(place.path, { failing: () => failing });
  systemd.set(unit, 'active');
});
afterEach(() => {
  place.remove();
});

const lockFile = () => path.join(place.path, 'renewal.lock');

/** The process that set the guards is no more. */
function orphan(): void {
  for (const timer of systemd.timers())
    renameSync(path.join(place.path, 'timers', timer), path.join(place.path, 'timers', timer.replace(String(process.pid), '4194305')));
}

test('the guard stands before the server stops, and goes only after it is started again', async () => {
  const stopped = await stopServer(instance, systemd.run);
  expect(systemd.state(unit)).toBe('inactive');
  expect(systemd.calls()).toEqual([
    `systemctl is-active ${unit}`,
    expect.stringContaining('list-units'),
    expect.stringMatching(/^systemd-run --unit=hsmonger-server:x:\S+ --on-active=7min .*systemctl start pki-tomcatd@pki-tomcat\.service$/u),
    `systemctl stop ${unit}`,
  ]);
  await startServer(stopped!, systemd.run);
  expect(systemd.state(unit)).toBe('active');
  expect(systemd.timers()).toEqual([]);
  expect(systemd.calls().at(-2)).toBe(`systemctl restart ${unit}`);
});

test.each([
  ['failed', 'active'],
  ['inactive', 'inactive'],
] as const)('a server that is %s is %s afterwards: nobody wanted the one to be down, somebody the other', async (before, after) => {
  systemd.set(unit, before);
  await whileServerStopped(instance, { lockFile, run: systemd.run, tell: () => undefined }, () => Promise.resolve());
  expect(systemd.state(unit)).toBe(after);
  expect(systemd.timers()).toEqual([]);
});

test('two that stop it at once both have it take up what they changed', async () => {
  const first = await stopServer(instance, systemd.run);
  const second = await stopServer(instance, systemd.run);
  await startServer(first!, systemd.run);
  const calls = systemd.calls().length;
  await startServer(second!, systemd.run);
  expect(systemd.calls().slice(calls)).toContain(`systemctl restart ${unit}`);
  expect(systemd.timers()).toEqual([]);
});

test('what a killed process stopped is started, what a living one stopped is left to it', async () => {
  await stopServer(instance, systemd.run);
  expect(await startAbandoned(instance, systemd.run)).toBe(false);
  expect(systemd.state(unit)).toBe('inactive');
  orphan();
  expect(await startAbandoned(instance, systemd.run)).toBe(true);
  expect(systemd.state(unit)).toBe('active');
  expect(systemd.timers()).toEqual([]);
  expect(await startAbandoned(instance, systemd.run)).toBe(false);
});

test('without a guard it is not stopped; the work is told why, and is done', async () => {
  failing = 'systemd-run';
  const told: string[] = [];
  const given = await whileServerStopped(
    instance,
    { lockFile, run: systemd.run, tell: (sentence) => void told.push(sentence) },
    (serverRuns) => Promise.resolve(serverRuns),
  );
  expect(given).toContain('systemd-run failed.');
  expect(told).toEqual([expect.stringContaining('is not stopped')]);
  expect(systemd.calls()).not.toContain(`systemctl stop ${unit}`);
  expect(systemd.calls().at(-1)).toBe(`systemctl restart ${unit}`);
});

test('one that is stopped only after nobody waits for it any more is started all the same, with its guard gone', async () => {
  failing = `systemctl stop ${unit}`;
  const given = await whileServerStopped(instance, { lockFile, run: systemd.run, tell: () => undefined }, (serverRuns) => {
    systemd.set(unit, 'inactive');
    return Promise.resolve(serverRuns);
  });
  expect(given).toContain('could not be stopped');
  expect(systemd.state(unit)).toBe('active');
  expect(systemd.timers()).toEqual([]);
});

test('a guard that has gone off by itself is no failure: the server runs', async () => {
  const run: typeof systemd.run = async (program, args, options) => {
    const gone = args[0] === 'stop' && args[1]?.endsWith('.timer') === true;
    if (gone && options?.okExitCodes?.includes(5) !== true) throw new Error('Unit not loaded.');
    return { ...(await systemd.run(program, args, options)), ...(gone ? { exitCode: 5 } : {}) };
  };
  expect(await whileServerStopped(instance, { lockFile, run, tell: () => undefined }, () => Promise.resolve('saved'))).toBe('saved');
  await stopServer(instance, run);
  orphan();
  expect(await startAbandoned(instance, run)).toBe(true);
});

test('it is started whatever becomes of the work', async () => {
  await expect(
    whileServerStopped(instance, { lockFile, run: systemd.run, tell: () => undefined }, () => Promise.reject(new Error('no token'))),
  ).rejects.toThrow('no token');
  expect(systemd.state(unit)).toBe('active');
});

test('one that does not come up keeps its guard, and is no success', async () => {
  failing = 'systemctl restart';
  await expect(
    whileServerStopped(instance, { lockFile, run: systemd.run, tell: () => undefined }, () => Promise.resolve()),
  ).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  expect(systemd.timers()).toHaveLength(1);
  const told: string[] = [];
  await expect(
    whileServerStopped(instance, { lockFile, run: systemd.run, tell: (sentence) => void told.push(sentence) }, () =>
      Promise.reject(new Error('no token')),
    ),
  ).rejects.toThrow('no token');
  expect(told).toEqual([expect.stringContaining('could not be started')]);
});

test('where none is configured nothing is called; a wrong name is one sentence', async () => {
  expect(await stopServer(without, systemd.run)).toBeUndefined();
  expect(await startAbandoned(without, systemd.run)).toBe(false);
  await restartServer(without, systemd.run);
  expect(systemd.calls()).toEqual([]);
  const wrong = parseInstance('x', '/x.toml', parse(`${base}[pki]\nunit="nobody.service"\n`));
  await expect(stopServer(wrong, systemd.run)).rejects.toMatchObject({ message: expect.stringContaining("'pki.unit'") as string });
});
