import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DirectoryConfig } from '../../src/config/instance.js';
import type { Directory } from '../../src/directory/directory.js';
import { equals } from '../../src/directory/filter.js';
import { openDirectory, overTools } from '../../src/directory/open.js';
import { renewalDn, renewalsDn } from '../../src/directory/tree.js';
import { hostDn } from '../rig/directory-server-tree.js';
import { startDirectoryServers, type DirectoryServer, type DirectoryServers } from '../rig/directory-server.js';
import { ensureServiceUser } from '../rig/service-user.js';

let rig: DirectoryServers;
let server: DirectoryServer;
beforeAll(async () => {
  rig = await startDirectoryServers({ certificates: [] });
  server = rig.servers[0]!;
  await server.change(
    `dn: ${shared()}\nchangetype: add\nobjectClass: top\nobjectClass: pkiUser\nobjectClass: nsContainer\ncn: x\ncn:: ${Buffer.from(odd).toString('base64')}\nuserCertificate: first\n\n`,
  );
});
afterAll(() => rig.stop());

/** LDAPMessage with this id, operation tag and content. */
const message = (id: number, operation: number, content: Buffer) =>
  Buffer.concat([Buffer.from([0x30, content.length + 5, 0x02, 0x01, id, operation, content.length]), content]);
const odd = 'ü*(x)\\ \u{1f511}';
const shared = () => renewalDn(rig.base, 'x');
const overOpenLdap = () => overTools({ uri: server.ldapi, startTls: false, mechanism: 'EXTERNAL', environment: {}, timeoutMs: 5000 });
/** The ways in, each as its user would have it. */
const ways: Readonly<Record<string, () => Promise<Directory>>> = {
  'EXTERNAL over ldapi': () => openDirectory(server.config()),
  'a password over ldaps': () => openDirectory(server.config(server.hostBind(), 'ldaps')),
  'a password over StartTLS': () => openDirectory(server.config(server.hostBind(), 'starttls')),
  'a password over ldapi': () => openDirectory(server.config(server.hostBind())),
  "OpenLDAP's tools": overOpenLdap,
};

describe.each(Object.entries(ways))('by way of %s', (_, open) => {
  it('reads octets as they are, finds nothing below what does not exist, adds, changes, removes and sees a lost race', async () => {
    const directory = await open();
    const octets = Buffer.from([0xef, 0xbb, 0xbf, 0, 0xff, 0x30, 0x0a]);
    await directory.modify(shared(), [{ operation: 'add', attribute: 'userCertificate', values: [octets, 'text \u{1f511}'] }]);
    const [entry] = await directory.search({ base: shared(), scope: 'base', attributes: ['userCertificate', 'cn', 'sn'] });
    expect(
      entry?.values
        .get('usercertificate')
        ?.map((value) => Buffer.from(value).toString('hex'))
        .sort(),
    ).toEqual([octets, Buffer.from('first'), Buffer.from('text \u{1f511}')].map((value) => value.toString('hex')).sort());
    expect([...(entry?.values.keys() ?? [])].sort()).toEqual(['cn', 'usercertificate']);
    expect(await directory.search({ base: `cn=nobody,${rig.base}`, scope: 'subtree' })).toEqual([]);
    expect(await directory.search({ base: renewalsDn(rig.base), scope: 'one', filter: equals('cn', 'ü*') })).toEqual([]);
    expect(await directory.search({ base: renewalsDn(rig.base), scope: 'one', filter: equals('cn', odd), attributes: ['1.1'] })).toEqual([
      { dn: shared(), values: new Map() },
    ]);

    await directory.modify(shared(), [{ operation: 'delete', attribute: 'userCertificate', values: [octets, 'text \u{1f511}'] }]);
    await expect(
      directory.modify(shared(), [
        { operation: 'delete', attribute: 'userCertificate', values: [octets] },
        { operation: 'add', attribute: 'userCertificate', values: ['second'] },
      ]),
    ).rejects.toMatchObject({ code: 'DIRECTORY_CHANGED' });
    await expect(directory.modify(shared(), [{ operation: 'add', attribute: 'userCertificate', values: ['first'] }])).rejects.toMatchObject(
      { code: 'DIRECTORY_CHANGED' },
    );
    await expect(directory.add(shared(), { objectClass: ['top', 'nsContainer'], cn: ['x'] })).rejects.toMatchObject({
      code: 'DIRECTORY_CHANGED',
    });
    expect(await server.search('-b', shared(), 'userCertificate')).toBe(`dn: ${shared()}\nuserCertificate: first\n`);
    await directory.close();
    if (open !== overOpenLdap)
      await expect(directory.search({ base: rig.base, scope: 'base' })).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' });
  });

  it('hears each change below what it watches, and nothing when told to stop', async () => {
    const directory = await open();
    const listening = new AbortController();
    const changes = directory.watch({ base: renewalsDn(rig.base), scope: 'subtree' }, listening.signal)[Symbol.asyncIterator]();
    await changes.next();
    // Nothing tells when the server has taken the watch up.
    await sleep(1000);
    for (const change of ['add: userCertificate\nuserCertificate: more', 'delete: userCertificate\nuserCertificate: more']) {
      let heard = false;
      const next = changes.next().then(() => (heard = true));
      await directory.search({ base: shared(), scope: 'base', attributes: ['cn'] });
      expect(heard).toBe(false);
      await server.change(`dn: ${shared()}\nchangetype: modify\n${change}\n\n`);
      await next;
    }
    const next = changes.next();
    listening.abort();
    expect((await next).done).toBe(true);
    await directory.close();
  });
});

it('opened for no watching, makes one connection and refuses to watch', async () => {
  const count = async () =>
    Number(/^totalconnections: (\d+)$/mu.exec(await server.search('-s', 'base', '-b', 'cn=monitor', 'totalconnections'))?.[1]);
  const before = await count();
  const directory = await openDirectory(server.config(), { watches: false });
  // The other is that of the look itself.
  expect(await count()).toBe(before + 2);
  expect(await directory.search({ base: shared(), scope: 'base' })).toHaveLength(1);
  await expect(
    directory.watch({ base: rig.base, scope: 'base' }, new AbortController().signal)[Symbol.asyncIterator]().next(),
  ).rejects.toThrow('watches: false');
  await directory.close();
});

describe('who is let in', () => {
  it("takes a host entry's word for its own entries alone", async () => {
    const directory = await openDirectory(server.config(server.hostBind(), 'ldaps'));
    const refused = { code: 'DIRECTORY_REFUSED', message: expect.stringContaining('LDAP result 50') as string };
    await expect(directory.modify(shared(), [{ operation: 'add', attribute: 'description', values: ['x'] }])).rejects.toMatchObject(
      refused,
    );
    await expect(directory.remove(shared())).rejects.toMatchObject(refused);
    await expect(directory.add(`cn=y,${rig.base}`, { objectClass: ['nsContainer'], cn: ['y'] })).rejects.toMatchObject(refused);
    await directory.close();
  });

  it.each<[string, (file: (content: string) => string) => DirectoryConfig, string, string]>([
    [
      'a wrong password',
      (file) => server.config({ method: 'simple', dn: hostDn(rig.base, server.host), passwordFile: file('wrong\n') }, 'ldaps'),
      'DIRECTORY_REFUSED',
      'LDAP result 49',
    ],
    [
      'a name nobody has',
      (file) => server.config({ method: 'simple', dn: `cn=nobody,${rig.base}`, passwordFile: file('wrong\n') }),
      'DIRECTORY_REFUSED',
      'LDAP result 49',
    ],
    ['no name at all', (file) => server.config({ method: 'simple', dn: '', passwordFile: file('wrong\n') }), 'DIRECTORY_REFUSED', ''],
    [
      'a password in clear, to a server that asks for more',
      (file) => ({ ...server.config({ method: 'simple', dn: 'cn=x', passwordFile: file('\n') }), startTls: false }),
      'CONFIG_INVALID',
      'empty first line',
    ],
    [
      "a certificate of another CA's",
      () => ({ ...server.config(server.hostBind(), 'ldaps'), caFile: '/etc/ssl/certs/ca-certificates.crt' }),
      'DIRECTORY_UNAVAILABLE',
      'certificate',
    ],
    [
      "a certificate of another CA's after StartTLS",
      () => ({ ...server.config(server.hostBind(), 'starttls'), caFile: '/etc/ssl/certs/ca-certificates.crt' }),
      'DIRECTORY_UNAVAILABLE',
      'certificate',
    ],
    ['a socket nobody listens on', () => ({ ...server.config(), uri: 'ldapi://%2Fnowhere%2Fsocket' }), 'DIRECTORY_UNAVAILABLE', 'ENOENT'],
    [
      'a port nobody listens on',
      () => ({ ...server.config(server.hostBind()), uri: 'ldaps://127.0.0.1:1' }),
      'DIRECTORY_UNAVAILABLE',
      'ECONNREFUSED',
    ],
    [
      'a CA file that is missing',
      () => ({ ...server.config(server.hostBind(), 'ldaps'), caFile: '/nowhere/ca.pem' }),
      'CONFIG_INVALID',
      '/nowhere/ca.pem',
    ],
  ])('refuses %s', async (_, config, code, words) => {
    const file = (content: string) => {
      const name = path.join(rig.directory, 'a.password');
      writeFileSync(name, content, { mode: 0o600 });
      return name;
    };
    await expect(openDirectory(config(file))).rejects.toMatchObject({ code, message: expect.stringContaining(words) as string });
  });

  it('refuses a user the server does not know', () => {
    const { stdout } = asServiceUser(
      "import { openDirectory } from './src/directory/open.js'; await openDirectory(JSON.parse(process.argv[1])).catch((error) => console.log(error.code, error.message))",
      JSON.stringify(server.config()),
    );
    expect(stdout).toMatch(/^DIRECTORY_REFUSED .*LDAP result 48/u);
  });

  it.each([
    ['EXTERNAL', () => server.config()],
    ['a password', () => server.config(server.hostBind(), 'starttls')],
  ])('opened as root with %s, serves the service user after the drop', (_, config) => {
    const parcel = { config: config(), user: ensureServiceUser().name, dn: shared(), environment: {} };
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', path.join(import.meta.dirname, 'drop-worker.ts')], {
      input: JSON.stringify(parcel),
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    const { uid, values } = JSON.parse(stdout) as { uid: number; values: string[] };
    expect(uid).not.toBe(0);
    expect(values).toContain(`written by uid ${String(uid)}`);
    return server.change(
      `dn: ${shared()}\nchangetype: modify\ndelete: userCertificate\nuserCertificate: written by uid ${String(uid)}\n\n`,
    );
  });
});

describe('a server that does not answer as it should', () => {
  const answering = async (answer: (socket: net.Socket) => void, use: (uri: string) => Promise<void>) => {
    const socket = path.join(rig.directory, 'strange.socket');
    const strange = net.createServer((one) => {
      one.on('error', () => undefined);
      // Or it would never see the other end hang up.
      one.resume();
      answer(one);
    });
    await new Promise<void>((resolve) => void strange.listen(socket, resolve));
    try {
      await use(`ldapi://${encodeURIComponent(socket)}`);
    } finally {
      await new Promise((resolve) => void strange.close(resolve));
    }
  };
  const success = Buffer.from('0a010004000400', 'hex');

  it.each<[string, string, (socket: net.Socket) => void]>([
    ['says nothing', 'DIRECTORY_UNAVAILABLE', () => undefined],
    ['hangs up', 'DIRECTORY_UNAVAILABLE', (socket) => socket.end()],
    ['speaks another language', 'DIRECTORY_UNAVAILABLE', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    [
      'takes the bind and calls it anonymous',
      'DIRECTORY_REFUSED',
      (socket) =>
        void socket.on('data', (data) =>
          socket.write(
            message(
              data[4]!,
              data[5] === 0x60 ? 0x61 : 0x78,
              data[5] === 0x60 ? success : Buffer.concat([success, Buffer.from([0x8b, 0])]),
            ),
          ),
        ),
    ],
  ])('which %s, is %s', async (_, code, answer) => {
    await answering(answer, async (uri) => {
      const started = performance.now();
      await expect(openDirectory({ ...server.config(), uri }, { timeoutMs: 3000 })).rejects.toMatchObject({ code });
      expect(performance.now() - started).toBeLessThan(15_000);
    });
  });
});

describe('a server without persistent search', () => {
  it('is said to refuse it, and goes on serving', async () => {
    const socket = path.join(rig.directory, 'simple.socket');
    // Takes the bind, knows who asks, finds nothing, and does not know a critical control (RFC 4511 §4.1.11: 12).
    const simple = net.createServer((one) => {
      let pending = Buffer.alloc(0);
      one.on('data', (data) => {
        pending = Buffer.concat([pending, data]);
        for (let size = sizeOf(pending); size <= pending.length; size = sizeOf(pending)) {
          const request = pending.subarray(0, size);
          pending = pending.subarray(size);
          const at = request[1]! < 0x80 ? 2 : 3;
          const [id, operation] = [request[at + 2]!, request[at + 3]!];
          const result = (code: number) => Buffer.from([0x0a, 1, code, 4, 0, 4, 0]);
          if (operation === 0x60) one.write(message(id, 0x61, result(0)));
          if (operation === 0x77) one.write(message(id, 0x78, Buffer.concat([result(0), Buffer.from([0x8b, 4]), Buffer.from('dn:a')])));
          if (operation === 0x63) one.write(message(id, 0x65, result(request.includes('113730.3.4.3') ? 12 : 0)));
        }
      });
    });
    await new Promise<void>((resolve) => void simple.listen(socket, resolve));
    const directory = await openDirectory({ ...server.config(), uri: `ldapi://${encodeURIComponent(socket)}` });
    await expect(
      directory.watch({ base: 'dc=x', scope: 'base' }, new AbortController().signal)[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject({ code: 'DIRECTORY_REFUSED', message: expect.stringContaining('LDAP result 12') as string });
    expect(await directory.search({ base: 'dc=x', scope: 'base' })).toEqual([]);
    await directory.close();
    await new Promise((resolve) => void simple.close(resolve));
  });

  /** Of the first message; more than there is, when it is not complete. */
  const sizeOf = (bytes: Buffer) => (bytes.length < 3 ? Infinity : bytes[1]! < 0x80 ? bytes[1]! + 2 : bytes[2]! + 3);
});

describe('a server that goes away', () => {
  it.each(Object.entries(ways).filter(([, open]) => open !== overOpenLdap))(
    'and comes back leaves %s lost, never anonymous',
    async (_, open) => {
      const directory = await open();
      const changes = directory.watch({ base: rig.base, scope: 'subtree' }, new AbortController().signal)[Symbol.asyncIterator]();
      await changes.next();
      const next = changes.next();
      const lost = expect(next).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' });
      await rig.kill(1);
      await lost;
      await rig.start(1);
      await expect(directory.search({ base: rig.base, scope: 'base' })).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' });
      await expect(directory.modify(shared(), [{ operation: 'add', attribute: 'userCertificate', values: ['x'] }])).rejects.toMatchObject({
        code: 'DIRECTORY_UNAVAILABLE',
      });
      await expect(
        directory.watch({ base: rig.base, scope: 'subtree' }, new AbortController().signal)[Symbol.asyncIterator]().next(),
      ).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' });
      await directory.close();
    },
  );

  it.each<[string, () => Promise<Directory>]>([
    ['ldapi', () => openDirectory(server.config(), { timeoutMs: 3000, pulseMs: 500 })],
    ['StartTLS', () => openDirectory(server.config(server.hostBind(), 'starttls'), { timeoutMs: 3000, pulseMs: 500 })],
    ["OpenLDAP's tools", () => overTools({ uri: server.ldapi, startTls: false, mechanism: 'EXTERNAL', environment: {}, timeoutMs: 3000 })],
  ])('without a word, stopped, is noticed over %s', async (way, open) => {
    const [directory, watching] = [await open(), await open()];
    const changes = watching.watch({ base: rig.base, scope: 'subtree' }, new AbortController().signal)[Symbol.asyncIterator]();
    await changes.next();
    await rig.pause(1);
    try {
      const started = performance.now();
      await expect(directory.search({ base: rig.base, scope: 'base' })).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' });
      // Whatever it is, not the minutes TCP would take.
      expect(performance.now() - started).toBeLessThan(15_000);
      if (way !== "OpenLDAP's tools") {
        await expect(changes.next()).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' });
        await expect(open()).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' });
      }
    } finally {
      rig.resume(1);
    }
    if (way === "OpenLDAP's tools") expect(await directory.search({ base: shared(), scope: 'base', attributes: ['cn'] })).toHaveLength(1);
    else await expect(directory.search({ base: rig.base, scope: 'base' })).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' });
    await changes.return?.(undefined);
    await Promise.all([directory.close(), watching.close()]);
  });
});

function asServiceUser(script: string, argument: string) {
  const { uid, gid } = ensureServiceUser();
  return spawnSync(
    'setpriv',
    [
      `--reuid=${String(uid)}`,
      `--regid=${String(gid)}`,
      '--clear-groups',
      '--',
      process.execPath,
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      script,
      argument,
    ],
    { encoding: 'utf8', cwd: path.resolve(import.meta.dirname, '../..'), timeout: 30_000 },
  );
}
