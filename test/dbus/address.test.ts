import { describe, expect, it } from 'vitest';
import { addressOf, socketsOf } from '../../dbus/address.js';

describe('a choice of bus', () => {
  it.each([
    ['system', {}, 'unix:path=/var/run/dbus/system_bus_socket'],
    ['system', { DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/a' }, 'unix:path=/a'],
    ['session', { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/b' }, 'unix:path=/b'],
    ['session', { XDG_RUNTIME_DIR: '/run/user/7' }, 'unix:path=/run/user/7/bus'],
    ['unix:path=/c', { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/b' }, 'unix:path=/c'],
  ])('%s in %j is %s', (choice, env, address) => {
    expect(addressOf(choice, env)).toBe(address);
  });

  it('says so where there is no session bus', () => {
    expect(() => addressOf('session', {})).toThrow(expect.objectContaining({ code: 'BUS_UNAVAILABLE' }));
  });
});

describe('a bus address', () => {
  it.each([
    ['unix:path=/run/bus,guid=0123', ['/run/bus']],
    ['unix:path=/tmp/a%20b%2cc%3d%c3%a9', ['/tmp/a b,c=é']],
    ['unix:abstract=/tmp/dbus-x,guid=1;unix:path=/a', ['/a']],
    ['unix:guid=1,path=/a=b', ['/a=b']],
    ['unix:path=/a;unix:path=/b', ['/a', '/b']],
  ])('%s means %j', (address, sockets) => {
    expect(socketsOf(address)).toEqual(sockets);
  });

  it.each([
    'unix:abstract=/tmp/dbus-x',
    'tcp:host=localhost,port=1',
    'unix:runtime=yes',
    'autolaunch:',
    '/run/bus',
    'unix:path=',
    'unix:path=/%zz',
    'unixexec:path=/bin/sh',
  ])('%s is refused with a sentence', (address) => {
    expect(() => socketsOf(address)).toThrow(
      expect.objectContaining({ code: 'BUS_UNAVAILABLE', message: expect.stringMatching(/^The bus address '.*\.$/u) as string }),
    );
  });
});
