import { expect, test } from 'vitest';
import { childEnvironment, confFileOf, homeOf, readDaemonProcess } from '../../src/tracking/daemon-process.js';

test('the system daemon and the session daemon differ in HOME and configuration', () => {
  const system = { program: 'certmonger', environment: { HOME: '/root' } };
  const session = { program: 'certmonger-session', environment: { HOME: '/home/a' } };
  expect([homeOf(system), confFileOf(system)]).toEqual(['/run/certmonger', '/etc/certmonger/certmonger.conf']);
  expect([homeOf(session), confFileOf(session)]).toEqual(['/home/a', '/home/a/.config/certmonger/certmonger.conf']);
  expect(confFileOf({ ...system, environment: { CERTMONGER_CONFIG_DIR: '/x' } })).toBe('/x/certmonger.conf');
});

test("children get the daemon's locale, proxies and bus, and nothing that configures a module", () => {
  const environment = {
    HOME: '/root',
    SOFTHSM2_CONF: '/x',
    NODE_OPTIONS: '--x',
    LANG: 'de_DE',
    LC_TIME: 'C',
    https_proxy: 'p',
    HSM_PROXY: 'q',
    TMPDIR: '/t',
    DBUS_SESSION_BUS_ADDRESS: 'unix:path=/b',
  };
  expect(childEnvironment({ program: 'certmonger', environment })).toEqual({
    HOME: '/run/certmonger',
    PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
    SHELL: '/bin/sh',
    TERM: 'dumb',
    LC_CTYPE: 'C.UTF-8',
    LANG: 'de_DE',
    LC_TIME: 'C',
    https_proxy: 'p',
    HSM_PROXY: 'q',
    TMPDIR: '/t',
    DBUS_SESSION_BUS_ADDRESS: 'unix:path=/b',
  });
});

test('a process is read from /proc, and one that is not there is a clear refusal', () => {
  expect(readDaemonProcess(process.pid).program).toMatch(/^node/u);
  expect(() => readDaemonProcess(4_194_305)).toThrow(expect.objectContaining({ code: 'NOT_PERMITTED' }) as Error);
});
