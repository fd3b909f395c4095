import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ErrorReply } from '../../dbus/error-reply.js';
import type { Bus } from '../../dbus/bus.js';
import { connectBus } from '../../dbus/connect.js';
import { startBus, type PrivateBus } from '../rig/bus.js';
import { privateDirectory } from '../rig/directory.js';
import { startFakeBus, type FakeBus, type FakeBusOptions } from './fake-bus.js';

const directory = privateDirectory();
const toBus = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' } as const;
const coded = (code: string, words: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(words) as string }) as unknown;

let bus: PrivateBus;
const open: { disconnect(): void }[] = [];
const fakes: FakeBus[] = [];
const connected = async (address: string, timeoutMs?: number): Promise<Bus> => {
  const connection = await connectBus(address, timeoutMs === undefined ? {} : { timeoutMs });
  open.push(connection);
  return connection;
};
const fakeBus = async (options: FakeBusOptions): Promise<FakeBus> => {
  const fake = await startFakeBus(directory.path, options);
  fakes.push(fake);
  return fake;
};
const closing = (connection: Bus) => once(connection.closed, 'abort');

beforeAll(async () => {
  bus = await startBus(directory.path);
});
afterEach(() => {
  for (const each of open.splice(0)) each.disconnect();
  for (const each of fakes.splice(0)) each.stop();
});
afterAll(async () => {
  await bus.stop();
  directory.remove();
});

describe('a connection to a real bus', () => {
  it('answers calls, hundreds on the way at a time', async () => {
    const connection = await connected(bus.address);
    const replies = await Promise.all(
      Array.from({ length: 100 }, () =>
        connection.call({ ...toBus, member: 'GetNameOwner', signature: 's', body: ['org.freedesktop.DBus'] }),
      ),
    );
    expect(new Set(replies.map(({ body }) => body[0]))).toEqual(new Set(['org.freedesktop.DBus']));
  });

  it('keeps an error reply’s name and words', async () => {
    const connection = await connected(bus.address);
    const failure: unknown = await connection.call({ ...toBus, member: 'NoSuchThing' }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ErrorReply);
    expect(failure).toMatchObject({ errorName: 'org.freedesktop.DBus.Error.UnknownMethod', code: 'INTERNAL' });
  });

  it('tells a call that reached nobody', async () => {
    const connection = await connected(bus.address);
    await expect(
      connection.call({ destination: 'org.example.Nobody', path: '/', interface: 'org.example', member: 'X', noAutoStart: true }),
    ).rejects.toMatchObject({ undelivered: true, code: 'BUS_UNAVAILABLE' });
  });

  it('drops a signal sent straight to us by somebody who is not the owner of the name', async () => {
    const listener = await connected(bus.address);
    const sender = await connected(bus.address);
    await sender.call({ ...toBus, member: 'RequestName', signature: 'su', body: ['org.example.Sender', 4] });
    const heard: unknown[] = [];
    await listener.onSignal({ sender: 'org.example.Sender', interface: 'org.example.I' }, ({ body }) => heard.push(body[0]));
    await listener.onSignal({ sender: 'org.freedesktop.DBus', interface: 'org.example.I' }, ({ body }) => heard.push(body[0]));
    const { body } = await listener.call({ ...toBus, member: 'ListNames' });
    for (const name of (body[0] as string[]).filter((each) => each.startsWith(':'))) {
      await once(
        spawn('dbus-send', [`--bus=${bus.address}`, '--type=signal', `--dest=${name}`, '/x', 'org.example.I.Changed', 'string:stranger']),
        'exit',
      );
    }
    await listener.call({ ...toBus, member: 'GetId' });
    expect(heard).toEqual([]);
  });

  it('follows a name from owner to owner', async () => {
    const watcher = await connected(bus.address);
    const changes: (string | undefined)[] = [];
    const changed = () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      });
    let wake: () => void = () => undefined;
    await expect(
      watcher.onOwnerChange('org.example.Moving', (owner) => {
        changes.push(owner);
        wake();
      }),
    ).resolves.toBeUndefined();
    const gained = changed();
    const owner = await connected(bus.address);
    await owner.call({ ...toBus, member: 'RequestName', signature: 'su', body: ['org.example.Moving', 4] });
    await gained;
    const lost = changed();
    owner.disconnect();
    await lost;
    expect(changes).toEqual([expect.stringMatching(/^:1\./u), undefined]);
  });

  it('leaves the process free to end by itself after disconnect', async () => {
    const script = `import { connectBus } from './dbus/connect.js';
      const bus = await connectBus(process.argv[1] ?? '');
      await bus.call({ destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus', member: 'GetId' });
      bus.disconnect();`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, bus.address], {
      cwd: path.resolve(import.meta.dirname, '../..'),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const patience = setTimeout(() => child.kill('SIGKILL'), 20_000);
    const [code] = (await once(child, 'exit')) as [number | null];
    clearTimeout(patience);
    expect(code).toBe(0);
  });

  it('works through a path full of what an address must escape', async () => {
    const odd = privateDirectory('odd, dir=é;x');
    const daemon = spawn(
      'dbus-daemon',
      ['--session', '--nofork', '--nopidfile', '--print-address=1', `--address=unix:path=${encodeURIComponent(odd.path)}/bus`],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    try {
      const [line] = (await once(daemon.stdout, 'data')) as [Buffer];
      await expect(connected(line.toString().trim())).resolves.toBeDefined();
    } finally {
      daemon.kill();
      odd.remove();
    }
  });

  it('rejects what is on the way when the bus dies, long before its time is over, and everything after', async () => {
    const doomed = privateDirectory();
    const dying = await startBus(doomed.path);
    const connection = await connected(dying.address);
    const silent = await connected(dying.address);
    const { body } = await silent.call({ ...toBus, member: 'GetNameOwner', signature: 's', body: ['org.freedesktop.DBus'] });
    expect(body).toHaveLength(1);
    await silent.call({ ...toBus, member: 'RequestName', signature: 'su', body: ['org.example.Silent', 4] });
    // We never answer calls: this one stays on the way.
    const inFlight = connection
      .call({ destination: 'org.example.Silent', path: '/', interface: 'org.example', member: 'Wait', timeoutMs: 60_000 })
      .catch((error: unknown) => error);
    const closed = closing(connection);
    await connection.call({ ...toBus, member: 'GetId' });
    const start = Date.now();
    await dying.stop();
    await closed;
    await expect(inFlight).resolves.toEqual(coded('BUS_UNAVAILABLE', /was closed/u));
    expect(Date.now() - start).toBeLessThan(20_000);
    await expect(connection.call({ ...toBus, member: 'GetId' })).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    doomed.remove();
  });
});

describe('a bus that cannot be used', () => {
  it('is named when nobody listens', async () => {
    await expect(connectBus(`unix:path=${directory.path}/none`)).rejects.toEqual(
      coded('BUS_UNAVAILABLE', /none: connect ENOENT.*dbus-daemon/u),
    );
  });

  it('is given up for the next in the list', async () => {
    await expect(connected(`unix:path=${directory.path}/none;${bus.address}`)).resolves.toBeDefined();
  });

  it('says who was refused, not something about keyrings', async () => {
    const fake = await fakeBus({ auth: 'REJECTED EXTERNAL' });
    await expect(connectBus(fake.address)).rejects.toEqual(coded('BUS_UNAVAILABLE', /refused user id 0/u));
  });

  it('ends in a timeout when it never greets', async () => {
    const fake = await fakeBus({});
    await expect(connectBus(fake.address, { timeoutMs: 200 })).rejects.toEqual(coded('BUS_TIMEOUT', /0\.2 s|200 ms/u));
  });

  it('ends in an error when it refuses the greeting, and the process lives on', async () => {
    const fake = await fakeBus({ onCall: (_call, { socket }) => socket.end() });
    await expect(connectBus(fake.address)).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
  });
});

describe('a peer that misbehaves', () => {
  const greeting: FakeBusOptions['onCall'] = (call, peer) => {
    if (call.member === 'Hello') peer.reply(call, 's', [':1.7']);
  };

  it('that never answers ends in a timeout, and the connection goes on', async () => {
    const fake = await fakeBus({
      onCall: (call, peer) => {
        if (call.member !== 'Sleep') peer.reply(call, 's', [':1.7']);
      },
    });
    const connection = await connected(fake.address);
    await expect(connection.call({ ...toBus, member: 'Sleep', timeoutMs: 100 })).rejects.toEqual(
      coded('BUS_TIMEOUT', /did not answer org\.freedesktop\.DBus\.Sleep within 0\.1 s/u),
    );
    await expect(connection.call({ ...toBus, member: 'GetId' })).resolves.toMatchObject({ body: [':1.7'] });
  });

  it.each([
    ['noise', Buffer.from('this is not D-Bus at all, not even a little bit of it')],
    [
      'a body that does not fit its signature',
      Buffer.concat([
        Buffer.from([0x6c, 4, 0, 1, 4, 0, 0, 0, 9, 0, 0, 0, 15, 0, 0, 0, 8, 1, 0x67, 0, 4, 0x61, 0x7b, 0x73, 0x76, 0, 0, 0, 0, 0, 0, 0]),
        Buffer.alloc(64, 0xff),
      ]),
    ],
  ])('that sends %s loses the connection, not us the process', async (_name, bytes) => {
    const fake = await fakeBus({
      onCall: (call, peer) => {
        greeting(call, peer);
        if (call.member === 'Garbage') peer.socket.end(bytes);
      },
    });
    const connection = await connected(fake.address);
    const closed = closing(connection);
    await expect(connection.call({ ...toBus, member: 'Garbage' })).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    await closed;
  });
});
