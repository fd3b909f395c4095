import { expect, test } from 'vitest';
import { HsmongerError } from '../../src/errors.js';
import type { Instance } from '../../src/config/instance.js';
import type { run } from '../../src/platform/run.js';
import { restartUnit, startGuarded, stopGuarded } from '../../src/renewal/guard.js';

const unit = 'pki-tomcatd@pki-tomcat.service';

function instanceWith(saving: Partial<Instance['saving']>): Instance {
  return {
    name: 'hsmonger',
    file: '/etc/hsmonger/hsmonger.toml',
    user: 'pkiuser',
    drop: 'setuid',
    token: { selector: { by: 'label', label: 't' }, module: '/m.so', environment: {}, pin: { from: 'file', path: '/pin' } },
    nss: { database: '/db' },
    issuer: { type: 'token', certificate: 'ca', lifetimeDays: {}, backdateSeconds: 60, digest: 'sha256' },
    saving: { guardMinutes: 15, ...saving },
    helper: { deadlineSeconds: 120 },
    agent: { probeSeconds: 60, signMinutes: 60, spreadDays: 7, reconcile: 'apply' },
    certificates: [],
  };
}

/** systemd as far as the guard sees it: no systemd runs where the tests do. */
function fakeSystemd(failing?: string) {
  const calls: string[] = [];
  const timers = new Set<string>();
  const running = new Set([unit]);
  const matching = (pattern: string) => [...timers].filter((timer) => timer.startsWith(pattern.slice(0, pattern.indexOf('*'))));
  const fake: typeof run = (program, args) => {
    const call = [program, ...args].join(' ');
    calls.push(call);
    if (failing !== undefined && call.startsWith(failing)) return Promise.reject(new HsmongerError('COMMAND_FAILED', `${failing} failed.`));
    let exitCode = 0;
    let stdout = '';
    const [verb = '', ...rest] = args;
    const target = rest.at(-1) ?? '';
    if (program === 'systemd-run') timers.add(`${verb.replace('--unit=', '')}.timer`);
    else if (verb === 'is-active') exitCode = running.has(target) ? 0 : 3;
    else if (verb === 'list-units')
      stdout = matching(target)
        .map((timer) => `${timer} loaded active waiting\n`)
        .join('');
    else if (verb === 'stop' && target.includes('*')) for (const timer of matching(target)) timers.delete(timer);
    else if (verb === 'stop') running.delete(target);
    else running.add(target);
    return Promise.resolve({ exitCode, stdout, stderr: '' });
  };
  return { run: fake, calls, timers, running };
}

test('the guard stands before the unit stops, and goes only after the unit is started again', async () => {
  const systemd = fakeSystemd();
  const instance = instanceWith({ stop: unit, guardMinutes: 7 });
  expect(await stopGuarded(instance, systemd.run)).toBe(true);
  expect(systemd.running.has(unit)).toBe(false);
  expect(systemd.timers.size).toBe(1);
  const [guard, stop] = systemd.calls.slice(1);
  expect(guard).toMatch(
    /^systemd-run --unit=hsmonger-guard:hsmonger:\S+ --on-active=7min .*systemctl start pki-tomcatd@pki-tomcat\.service$/u,
  );
  expect(stop).toBe(`systemctl stop ${unit}`);

  expect(await startGuarded(instance, systemd.run)).toBe(true);
  expect(systemd.running.has(unit)).toBe(true);
  expect(systemd.timers.size).toBe(0);
  expect(systemd.calls.at(-2)).toBe(`systemctl start ${unit}`);
});

test('no guard, no stop', async () => {
  const systemd = fakeSystemd('systemd-run');
  await expect(stopGuarded(instanceWith({ stop: unit }), systemd.run)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  expect(systemd.running.has(unit)).toBe(true);
});

test('a unit that does not come up keeps its guard', async () => {
  const systemd = fakeSystemd(`systemctl start ${unit}`);
  const instance = instanceWith({ stop: unit });
  await stopGuarded(instance, systemd.run);
  await expect(startGuarded(instance, systemd.run)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  expect(systemd.timers.size).toBe(1);
});

test('a unit somebody else has stopped is neither stopped nor started', async () => {
  const systemd = fakeSystemd();
  systemd.running.clear();
  const instance = instanceWith({ stop: unit });
  expect(await stopGuarded(instance, systemd.run)).toBe(false);
  expect(await startGuarded(instance, systemd.run)).toBe(false);
  expect(systemd.running.size).toBe(0);
});

test('nothing is called where nothing is configured', async () => {
  const systemd = fakeSystemd();
  expect(await stopGuarded(instanceWith({}), systemd.run)).toBe(false);
  expect(await startGuarded(instanceWith({}), systemd.run)).toBe(false);
  await restartUnit(instanceWith({}), false, systemd.run);
  expect(systemd.calls).toEqual([]);
});

test('a unit that has just been started is not restarted, another one is', async () => {
  const systemd = fakeSystemd();
  await restartUnit(instanceWith({ stop: unit, restart: unit }), true, systemd.run);
  expect(systemd.calls).toEqual([]);
  await restartUnit(instanceWith({ stop: unit, restart: unit }), false, systemd.run);
  await restartUnit(instanceWith({ stop: unit, restart: 'httpd.service' }), true, systemd.run);
  expect(systemd.calls).toEqual([`systemctl restart ${unit}`, 'systemctl restart httpd.service']);
});
