import { execa } from 'execa';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, symlinkSync, writeFileSync, chownSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { startShow } from '../../../src/agent/show/show.js';
import type { AgentSnapshot } from '../../../src/agent/report/snapshot.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { snapshots } from './fixtures.js';
import { freePort } from '../../rig/free-port.js';

let place: PrivateDirectory;
let stop: AbortController;
let log: string[];
let ended: Promise<void> | undefined;
beforeEach(() => {
  place = privateDirectory('show');
  stop = new AbortController();
  log = [];
});
afterEach(async () => {
  stop.abort();
  await ended;
  place.remove();
});

interface Conf {
  metrics?: Parameters<typeof startShow>[0]['conf']['metrics'];
  page?: Parameters<typeof startShow>[0]['conf']['page'];
  group?: string;
}

function start({ metrics = {}, page = {}, group }: Conf, snapshot: () => AgentSnapshot = () => snapshots.healthy()): void {
  ({ ended } = startShow({
    conf: { metrics, page, user: 'nobody', access: group === undefined ? {} : { group } },
    snapshot,
    log: (priority, message) => log.push(`${priority} ${message}`),
    signal: stop.signal,
  }));
}

async function until(what: () => boolean): Promise<void> {
  for (const end = Date.now() + 40_000; !what(); await sleep(20))
    if (Date.now() > end) throw new Error(`Not so within 40 s; said: ${log.join('\n')}`);
}

const shown = () => until(() => log.some((line) => line.includes('shown as user')));

interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}
function ask(at: http.RequestOptions, options: http.RequestOptions = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    http
      .request(
        { ...at, ...options, headers: { host: 'localhost', ...(options.headers as Record<string, string> | undefined) } },
        (response) => {
          let body = '';
          response
            .setEncoding('utf8')
            .on('data', (text: string) => {
              body += text;
            })
            .on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
        },
      )
      .on('error', reject)
      .end();
  });
}

const children = () =>
  readFileSync(`/proc/self/task/${String(process.pid)}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('show.cjs'))
    .map(Number);
const statusOf = (pid: number, field: string) =>
  new RegExp(`^${field}:\\s*(.*)$`, 'mu').exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]?.split(/\s+/u);

test('on a unix socket and on loopback, by a process that is nobody for good and holds no file', async () => {
  const [socket, port] = [path.join(place.path, 'hsmonger.sock'), await freePort()];
  start({ metrics: { socket, listen: { host: '127.0.0.1', port } }, page: { socket } });
  await shown();
  const { mode, uid } = lstatSync(socket);
  expect([mode & 0o777, uid]).toEqual([0o600, 0]);
  expect((await ask({ socketPath: socket }, { path: '/metrics' })).body).toContain('hsmonger_certmonger_up 1');
  expect((await ask({ socketPath: socket }, { path: '/' })).body).toContain('All 6 certificates are in order.');
  expect((await ask({ host: '127.0.0.1', port }, { path: '/metrics' })).headers['content-type']).toBe(
    'text/plain; version=0.0.4; charset=utf-8',
  );
  expect((await ask({ host: '127.0.0.1', port }, { path: '/' })).status).toBe(404);
  const [pid = 0] = children();
  const [{ uid: nobody, gid: nogroup }] = [await accountOf('nobody')];
  expect(statusOf(pid, 'Uid')).toEqual(Array(4).fill(nobody));
  expect(statusOf(pid, 'Gid')).toEqual(Array(4).fill(nogroup));
  expect(statusOf(pid, 'CapEff')).toEqual(['0000000000000000']);
  const open = readdirSync(`/proc/${String(pid)}/fd`).map((fd) => readlinkSync(`/proc/${String(pid)}/fd/${fd}`));
  expect(
    open.filter(
      (target) =>
        target.startsWith('/') && !['/dev/null', '/proc/'].some((fine) => target.startsWith(fine)) && !target.startsWith('/dev/pts'),
    ),
  ).toEqual([]);
  stop.abort();
  await ended;
  expect([existsSync(socket), children()]).toEqual([false, []]);
});

async function accountOf(user: string): Promise<{ uid: string; gid: string }> {
  const { stdout } = await execa('getent', ['passwd', user]);
  const [, , uid = '', gid = ''] = stdout.split(':');
  return { uid, gid };
}

describe('what is asked for', () => {
  let socket: string;
  beforeEach(async () => {
    socket = path.join(place.path, 'hsmonger.sock');
    start({ metrics: { socket }, page: { socket } });
    await shown();
  });

  it('nothing else is served, and nothing is done', async () => {
    const status = async (options: http.RequestOptions) => (await ask({ socketPath: socket }, options)).status;
    expect(await status({ path: '/healthz' })).toBe(200);
    expect(await status({ path: '/icon.svg' })).toBe(200);
    expect(await status({ path: '/?still' })).toBe(200);
    for (const odd of [
      '/robots.txt',
      '/../etc/passwd',
      '/%2e%2e/etc/passwd',
      '//',
      '/metrics/',
      '/index.html',
      '/constructor',
      'http://evil.test/',
      '*',
    ])
      expect([odd, await status({ path: odd })]).toEqual([odd, 404]);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'])
      expect([method, await status({ path: '/', method })]).toEqual([method, 405]);
    const head = await ask({ socketPath: socket }, { path: '/metrics', method: 'HEAD' });
    expect([head.status, head.body, Number(head.headers['content-length']) > 1000]).toEqual([200, '', true]);
  });

  it.each([
    ['localhost:8080', 200],
    ['127.0.0.1:9632', 200],
    ['[::1]:1', 200],
    ['LOCALHOST', 200],
    ['evil.test', 421],
    ['localhost.evil.test', 421],
    ['evil.test:80@localhost', 421],
  ])("a name that points here is not ours: Host '%s' gets %d", async (host, status) => {
    expect((await ask({ socketPath: socket }, { path: '/metrics', headers: { host } })).status).toBe(status);
  });

  it('headers that keep it from other sites, frames and caches are on every answer', async () => {
    for (const url of ['/', '/metrics', '/icon.svg', '/calendar.svg', '/healthz', '/nothing']) {
      const { headers } = await ask({ socketPath: socket }, { path: url });
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
      });
      expect(headers['content-security-policy']).toMatch(/^default-src 'none';.*frame-ancestors 'none'/u);
      expect(headers['content-security-policy']).not.toContain('unsafe');
    }
  });

  it('who sends half a request, or too much of one, is cut off, and others are served', async () => {
    const sent = (text: string) =>
      new Promise<string>((resolve) => {
        let said = '';
        const client = net.connect(socket, () => client.write(text));
        client
          .on('data', (chunk) => {
            said += chunk.toString();
          })
          .on('close', () => resolve(said))
          .on('error', () => undefined);
      });
    const slow = sent('GET / HTTP/1.1\r\nHost: loc');
    expect(await sent(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).not.toContain('200 OK');
    expect(await sent('GET / HTTP/9\r\n\r\n')).not.toContain('200 OK');
    expect((await ask({ socketPath: socket }, { path: '/metrics' })).status).toBe(200);
    expect(await slow).not.toContain('200 OK');
  });
});

test('a snapshot is made when somebody looks, at most one a second, and never while nobody does', async () => {
  const socket = path.join(place.path, 'x.sock');
  let made = 0;
  const began = performance.now();
  start({ metrics: { socket } }, () => {
    made += 1;
    return snapshots.healthy();
  });
  await shown();
  expect(made).toBe(0);
  await Promise.all(Array.from({ length: 30 }, () => ask({ socketPath: socket }, { path: '/metrics' })));
  for (let count = 0; count < 30; count += 1) await ask({ socketPath: socket }, { path: '/metrics' });
  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThanOrEqual(Math.ceil((performance.now() - began) / 1000));
});

test('one that dies is started again, in the place of its own socket; an agent that has nothing to show is no end of the agent', async () => {
  const socket = path.join(place.path, 'x.sock');
  let broken = false;
  start({ metrics: { socket } }, () => {
    if (broken) throw new Error('no picture');
    return snapshots.healthy();
  });
  await shown();
  const [first = 0] = children();
  process.kill(first, 'SIGKILL');
  await until(() => log.some((line) => line.includes('is shown again')));
  expect((await ask({ socketPath: socket }, { path: '/metrics' })).status).toBe(200);
  await sleep(1100);
  broken = true;
  await ask({ socketPath: socket }, { path: '/metrics' }).catch(() => undefined);
  await until(() => log.some((line) => line.includes('no picture')));
  broken = false;
  await until(() => log.filter((line) => line.includes('is shown again')).length === 2);
  expect((await ask({ socketPath: socket }, { path: '/metrics' })).status).toBe(200);
});

test('members of the group may connect, others may not', async () => {
  // A directory that is not there yet, as below /run after a boot.
  const socket = path.join(place.path, 'run', 'x.sock');
  start({ metrics: { socket }, group: 'daemon' });
  await shown();
  const { mode, gid } = lstatSync(socket);
  expect([mode & 0o777, String(gid)]).toEqual([0o660, (await execa('getent', ['group', 'daemon'])).stdout.split(':')[2]]);
});

describe('where it cannot listen it says why and goes on trying', () => {
  it("in a directory that is not root's", async () => {
    const directory = path.join(place.path, 'open');
    mkdirSync(directory);
    chownSync(directory, 65534, 65534);
    start({ metrics: { socket: path.join(directory, 'x.sock') } });
    await until(() => log.some((line) => /Cannot listen at .*x\.sock: .*is owned by uid 65534/u.test(line)));
  });
  it('where a file lies', async () => {
    const file = path.join(place.path, 'x.sock');
    writeFileSync(file, 'precious');
    start({ page: { socket: file } });
    await until(() => log.some((line) => line.includes('something that is no socket')));
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });
  it('at a port that is taken, until it is free', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as net.AddressInfo;
    start({ metrics: { listen: { host: '127.0.0.1', port } } });
    await until(() => log.some((line) => line.includes('EADDRINUSE')));
    await new Promise((resolve) => taken.close(resolve));
    await shown();
  });
  it('for a group that does not exist', async () => {
    start({ page: { socket: path.join(place.path, 'x.sock') }, group: 'no-such-group-here' });
    await until(() => log.some((line) => line.includes("'no-such-group-here'")));
  });
});

describe('as a text file', () => {
  it('0644, whole, in the place of a link, which is not followed', async () => {
    const [file, target] = [path.join(place.path, 'hsmonger.prom'), path.join(place.path, 'precious')];
    writeFileSync(target, 'precious');
    symlinkSync(target, file);
    start({ metrics: { textfile: file } });
    await until(() => lstatSync(file).isFile());
    expect([lstatSync(file).mode & 0o777, readFileSync(target, 'utf8'), readdirSync(place.path).sort()]).toEqual([
      0o644,
      'precious',
      ['hsmonger.prom', 'precious'],
    ]);
    expect(readFileSync(file, 'utf8')).toContain('hsmonger_build_info{version="0.1.0"} 1');
  });
  it("in node_exporter's own directory; but a link on the way, which its owner could make, leads nowhere", async () => {
    const [own, elsewhere] = [path.join(place.path, 'own'), path.join(place.path, 'elsewhere')];
    mkdirSync(path.join(own, 'collector'), { recursive: true });
    mkdirSync(path.join(elsewhere, 'collector'), { recursive: true });
    chownSync(own, 65534, 65534);
    start({ metrics: { textfile: path.join(own, 'collector', 'x.prom') } });
    await until(() => existsSync(path.join(own, 'collector', 'x.prom')));
    stop.abort();
    await ended;
    stop = new AbortController();
    symlinkSync(elsewhere, path.join(place.path, 'link'));
    start({ metrics: { textfile: path.join(place.path, 'link', 'collector', 'x.prom') } });
    await until(() => log.some((line) => line.includes('through a symbolic link')));
    expect(readdirSync(path.join(elsewhere, 'collector'))).toEqual([]);
  });
});

test('where agent.conf has none of it, there is none of it', async () => {
  start({});
  await ended;
  expect([log, children()]).toEqual([[], []]);
});
