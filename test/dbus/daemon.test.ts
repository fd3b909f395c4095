import { describe, expect, it } from 'vitest';
import { certmongerOn } from '../../dbus/certmonger.js';
import { ErrorReply } from '../../dbus/error-reply.js';
import type { Bus, Call } from '../../dbus/bus.js';
import { Variant } from '../../dbus/wire.js';

const errorReply = (call: Call, errorName: string, ...body: unknown[]) =>
  new ErrorReply(`${call.interface}.${call.member}`, { type: 3, serial: 1, errorName, body });

/** A bus on which certmonger changes between two calls: the real one cannot be made to do so at the right moment. */
function busAnswering(
  answer: (call: Call) => readonly unknown[] | Error,
  senders: readonly string[] = [':1.1'],
): { bus: Bus; calls: Call[] } {
  const calls: Call[] = [];
  let asked = 0;
  const bus: Bus = {
    closed: new AbortController().signal,
    call: (call) => {
      calls.push(call);
      const answered = answer(call);
      if (answered instanceof Error) return Promise.reject(answered);
      const sender = senders[Math.min(asked++, senders.length - 1)] ?? '';
      return Promise.resolve({ sender, body: answered });
    },
    onSignal: () => Promise.resolve(),
    onOwnerChange: () => Promise.resolve(undefined),
    onCall: () => undefined,
    send: () => undefined,
    disconnect: () => undefined,
  };
  return { bus, calls };
}

describe('a daemon that restarts between the look-up and the call', () => {
  it('is never sent a path of its former life: the call goes to the run that gave the path, then all is asked again', async () => {
    const { bus, calls } = busAnswering(
      (call) => {
        if (call.member === 'find_request_by_nickname') return ['/org/fedorahosted/certmonger/requests/Request3'];
        return call.destination === ':1.1' ? errorReply(call, 'org.freedesktop.DBus.Error.ServiceUnknown', 'gone') : [true];
      },
      [':1.1', ':1.2'],
    );
    await expect(certmongerOn(bus).request('ocsp').resubmit()).resolves.toBe(true);
    expect(calls.map(({ destination, member }) => `${member} ${destination}`)).toEqual([
      'find_request_by_nickname org.fedorahosted.certmonger',
      'resubmit :1.1',
      'find_request_by_nickname org.fedorahosted.certmonger',
      'resubmit :1.2',
    ]);
    expect(calls.filter(({ member }) => member === 'resubmit').map(({ timeoutMs }) => timeoutMs)).toEqual([300_000, 300_000]);
  });

  it('is given up as not running when it does so again and again', async () => {
    const { bus, calls } = busAnswering((call) =>
      call.member === 'find_request_by_nickname' ? ['/r'] : errorReply(call, 'org.freedesktop.DBus.Error.ServiceUnknown', 'gone'),
    );
    await expect(certmongerOn(bus).request('ocsp').resubmit()).rejects.toMatchObject({ code: 'CERTMONGER_UNAVAILABLE' });
    expect(calls).toHaveLength(6);
  });
});

describe('what certmonger answers', () => {
  it.each([
    [
      'org.fedorahosted.certmonger.duplicate',
      ['Certificate at same location.', ['CERT_LOCATION', 'CERT_NICKNAME']],
      'REQUEST_DUPLICATE',
      'Certificate at same location: CERT_LOCATION, CERT_NICKNAME',
    ],
    ['org.fedorahosted.certmonger.bad_arg', ['No such CA.', 'ca'], 'CERTMONGER_REFUSED', 'No such CA: ca'],
    [
      'org.fedorahosted.certmonger.missing_arg',
      ['Certificate storage type not specified.', 'CERT_STORAGE'],
      'CERTMONGER_REFUSED',
      'CERT_STORAGE',
    ],
    [
      'org.fedorahosted.certmonger.request.bad_arg',
      ['Unrecognized parameter or wrong value type.', 'x'],
      'CERTMONGER_REFUSED',
      'Unrecognized parameter',
    ],
    [
      'org.fedorahosted.certmonger.internal',
      ['An internal error has occurred.'],
      'CERTMONGER_REFUSED',
      'failed inside (An internal error has occurred)',
    ],
    ['org.fedorahosted.certmonger.no_such_entry', ['No matching entry found.'], 'REQUEST_NOT_FOUND', 'No matching entry found'],
    ['org.freedesktop.DBus.Error.AccessDenied', ['Rejected send message'], 'NOT_PERMITTED', 'Run as root'],
    ['org.freedesktop.DBus.Error.NoReply', ['Message recipient disconnected'], 'CERTMONGER_UNAVAILABLE', 'ended before it answered'],
    ['org.freedesktop.DBus.Error.ServiceUnknown', ['not provided'], 'CERTMONGER_UNAVAILABLE', 'systemctl start certmonger'],
    ['org.example.Other', [], 'CERTMONGER_REFUSED', 'org.example.Other'],
  ])('%s %j becomes %s with its words in one sentence', async (errorName, body, code, words) => {
    const { bus } = busAnswering((call) => errorReply(call, errorName, ...body));
    const failure: unknown = await certmongerOn(bus)
      .addCa('x', '/bin/true')
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(words) as string });
    expect((failure as Error).message).toMatch(/^Cannot add the CA 'x': [^\n]*\.$/u);
  });

  it('may leave out, or change the type of, every property', async () => {
    const { bus } = busAnswering((call) => {
      if (call.member === 'find_request_by_nickname') return ['/r'];
      return [
        {
          nickname: new Variant('s', 'ocsp'),
          status: new Variant('x', 7n),
          stuck: new Variant('s', 'yes'),
          eku: new Variant('as', []),
          'not-valid-after': new Variant('x', 0n),
          'key-perms': new Variant('x', 0n),
          'key-pin': new Variant('s', 'secret'),
          'cert-chain': new Variant('a(ss)', [['a', 'PEM\r\n\r\n'], ['b']]),
        },
      ];
    });
    const request = await certmongerOn(bus).request('ocsp').read();
    expect(request).toMatchObject({
      nickname: 'ocsp',
      status: '',
      stuck: false,
      ca: undefined,
      certificate: { notAfter: undefined, extendedKeyUsage: [], chain: [{ nickname: 'a', pem: 'PEM\n' }] },
      keyStorage: { perms: undefined },
      key: { pinSet: true },
    });
    expect(JSON.stringify(request)).not.toContain('secret');
  });

  it('may be an empty body where nothing is found or set', async () => {
    const { bus } = busAnswering(() => []);
    await expect(certmongerOn(bus).request('ocsp').find()).resolves.toBeUndefined();
    await expect(certmongerOn(bus).listRequests()).resolves.toEqual([]);
  });

  it('may name a CA below the requests, as versions up to 0.79.19 do', async () => {
    const { bus, calls } = busAnswering((call) => {
      if (call.member === 'find_request_by_nickname') return ['/org/fedorahosted/certmonger/requests/Request1'];
      return [
        call.path.includes('/cas/')
          ? { nickname: new Variant('s', 'mine') }
          : { nickname: new Variant('s', 'ocsp'), ca: new Variant('o', '/org/fedorahosted/certmonger/requests/CA4') },
      ];
    });
    await expect(certmongerOn(bus).request('ocsp').read()).resolves.toMatchObject({ ca: 'mine' });
    expect(calls.at(-1)?.path).toBe('/org/fedorahosted/certmonger/cas/CA4');
  });
});
