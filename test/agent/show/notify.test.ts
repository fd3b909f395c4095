import { execa } from 'execa';
import { chmodSync, chownSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { loadAgentConf } from '../../../src/config/agent-conf.js';
import { createEvents, type AgentEvent, type EventKind } from '../../../src/agent/report/events.js';
import { createDelivery } from '../../../src/agent/show/notify/delivery.js';
import { runCommand } from '../../../src/agent/show/notify/command.js';
import { journalEntry, journalKinds } from '../../../src/agent/show/notify/journal.js';
import { startNotifier } from '../../../src/agent/show/notify/notifier.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { hostileName } from './fixtures.js';

let place: PrivateDirectory;
let stop: AbortController;
beforeEach(() => {
  place = privateDirectory('notify');
  stop = new AbortController();
});
afterEach(() => {
  stop.abort();
  place.remove();
});

const kinds = Object.keys(journalKinds) as EventKind[];
const event = (kind: EventKind, change: Partial<AgentEvent> = {}): AgentEvent => ({
  kind,
  at: new Date('2027-01-02T03:04:05Z'),
  instance: 'hsmonger',
  nickname: 'ocsp',
  message: `It was ${kind}.`,
  details: { cause: 'token-away', 'not-after': '2029-01-01' },
  ...change,
});

async function until(what: () => boolean): Promise<void> {
  for (const end = Date.now() + 40_000; !what(); await sleep(20)) if (Date.now() > end) throw new Error('Not so within 40 s.');
}

describe('the journal', () => {
  /** A journal's socket in a mount namespace of its own: what comes is written down, a line of JSON for each datagram. */
  const listener = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('/run/systemd/journal/socket')
print('ready', flush=True)
while True:
    with open(sys.argv[1], 'a') as f: f.write(json.dumps(s.recv(65536).decode()) + '\\n')
`;

  it('has every kind of event with its fields, each a line, whatever is in it', async () => {
    const [received, script, socketOnly] = ['received', 'listen.py', 'run.sh'].map((name) => path.join(place.path, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(script, listener);
    writeFileSync(
      socketOnly,
      'set -e\nmkdir -p /run/systemd\nmount -t tmpfs none /run/systemd\nmkdir /run/systemd/journal\n/usr/bin/python3 "$1" "$2" &\nuntil [ -S /run/systemd/journal/socket ]; do sleep 0.05; done\n"$3" "$4" "$5"\n',
    );
    const events = [
      ...kinds.map((kind) => event(kind)),
      event('failed', { nickname: hostileName, message: `x\nPRIORITY=0\n${hostileName}` }),
    ];
    const tsx = path.resolve(import.meta.dirname, '../../../node_modules/tsx/dist/cli.mjs');
    const unshared = execa(
      'unshare',
      [
        '--mount',
        '--pid',
        '--kill-child',
        'sh',
        socketOnly,
        script,
        received,
        process.execPath,
        tsx,
        path.join(import.meta.dirname, 'journal-child.ts'),
      ],
      { input: JSON.stringify(events), reject: false },
    );
    await until(() => existsSync(received) && readFileSync(received, 'utf8').split('\n').length > events.length);
    unshared.kill('SIGKILL');
    await unshared;
    const entries = readFileSync(received, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as string).trim().split('\n'));
    for (const [index, kind] of kinds.entries()) {
      expect(entries[index]).toEqual(
        expect.arrayContaining([
          `MESSAGE=It was ${kind}.`,
          `MESSAGE_ID=${journalKinds[kind].id}`,
          `PRIORITY=${String(journalKinds[kind].priority)}`,
          'SYSLOG_IDENTIFIER=hsmonger-agent',
          `HSMONGER_EVENT=${kind}`,
          'HSMONGER_INSTANCE=hsmonger',
          'HSMONGER_NICKNAME=ocsp',
          'HSMONGER_CAUSE=token-away',
          'HSMONGER_NOT_AFTER=2029-01-01',
        ]),
      );
    }
    const last = entries.at(-1) ?? [];
    expect(last.filter((line) => line.startsWith('PRIORITY='))).toEqual(['PRIORITY=3']);
    expect(last.find((line) => line.startsWith('HSMONGER_NICKNAME='))).toContain('<script>alert(1)</script>');
    expect(last).toHaveLength(9);
  });

  it('where there is none, it is said once, and the events stand in the log', async () => {
    expect(existsSync('/run/systemd/journal/socket')).toBe(false);
    const events = createEvents();
    const log: string[] = [];
    startNotifier({
      conf: { user: 'nobody', notify: { journal: true, expiringDays: 14 } },
      events,
      log: (_priority, message) => log.push(message),
      signal: stop.signal,
    });
    for (const kind of kinds) events.tell(event(kind));
    await until(() => log.length > kinds.length);
    await sleep(200);
    expect(log.filter((line) => line.includes('There is no journal'))).toHaveLength(1);
    expect(log.slice(1)).toEqual(kinds.map((kind) => `hsmonger: ${kind}: It was ${kind}.`));
  });

  it('has an id for each kind that is like no other, and the catalog explains each', () => {
    const catalog = readFileSync(path.resolve(import.meta.dirname, '../../../packaging/journal/hsmonger.catalog'), 'utf8');
    const explained = [...catalog.matchAll(/^-- ([0-9a-f]{32})$/gmu)].map(([, id]) => id);
    expect(explained.sort()).toEqual(
      Object.values(journalKinds)
        .map(({ id }) => id)
        .sort(),
    );
    expect(new Set(explained).size).toBe(kinds.length);
    for (const [, field] of catalog.matchAll(/@([A-Z_]+)@/gu))
      expect(kinds.some((kind) => journalEntry(event(kind)).includes(`${field ?? ''}=`))).toBe(true);
  });
});

describe('the command', () => {
  const program = (text: string): string => {
    const file = path.join(place.path, 'hook');
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
    return file;
  };
  const out = () => {
    const file = path.join(place.path, 'out');
    writeFileSync(file, '');
    chmodSync(file, 0o666);
    return file;
  };
  const command = (text: string, change: { user?: string; timeoutMs?: number } = {}) => ({
    program: program(text),
    user: 'nobody',
    timeoutMs: 20_000,
    ...change,
  });

  it('gets the event as a line of JSON, as nobody, in no groups of root, with no environment of ours', async () => {
    const file = out();
    process.env['HSMONGER_TEST_SECRET'] = 'secret';
    await runCommand(command(`{ cat; id -u; id -G; pwd; env; } > ${file}`), event('renewed', { message: hostileName }), stop.signal);
    const [json = '', uid, groups, directory, ...env] = readFileSync(file, 'utf8').trim().split('\n');
    expect(JSON.parse(json)).toEqual({
      kind: 'renewed',
      at: '2027-01-02T03:04:05.000Z',
      instance: 'hsmonger',
      nickname: 'ocsp',
      message: hostileName,
      details: { cause: 'token-away', 'not-after': '2029-01-01' },
      host: expect.any(String) as string,
    });
    const [, , nobody, nogroup] = (await execa('getent', ['passwd', 'nobody'])).stdout.split(':');
    expect([uid, groups, directory]).toEqual([nobody, nogroup, '/']);
    expect(
      env
        .map((line) => line.split('=')[0])
        .filter((name) => !['PATH', 'LC_ALL', 'HOME', 'PWD', '_', 'SHLVL', 'OLDPWD'].includes(name ?? '')),
    ).toEqual([]);
  });

  it('runs as root only where agent.conf names root', async () => {
    const conf = (text: string) => {
      writeFileSync(path.join(place.path, 'agent.conf'), text);
      return loadAgentConf({ config: place.path });
    };
    expect(conf('[notify]\ncommand = "/x"\nuser = "root"\n')).toMatchObject({
      user: 'nobody',
      notify: { command: '/x', user: 'root', journal: true, expiringDays: 14 },
    });
    expect(conf('[notify]\ncommand = "/x"\n').notify).toEqual({ command: '/x', journal: true, expiringDays: 14 });
    expect(() => conf('user = "root"\n')).toThrow(/must not be root/u);
    expect(() => conf('[notify]\nmail = true\n')).toThrow(
      /'notify\.mail' is not a key hsmonger knows; see agent\.conf in docs\/configuration\.md/u,
    );
    const file = out();
    await runCommand(command(`id -u > ${file}`, { user: 'root' }), event('renewed'), stop.signal);
    expect(readFileSync(file, 'utf8')).toBe('0\n');
  });

  it.each([
    ['that fails', 'echo no mail >&2; exit 3', /ended with status 3: no mail/u],
    ['that takes too long, with what it started', 'sleep 1000 & sleep 1000', /took more than 0.5 seconds/u],
    ['that is no program', 'exec /nonexistent', /ended with status 127/u],
  ])('one %s is a sentence', async (_case, text, why) => {
    await expect(
      runCommand(command(text, { timeoutMs: text.includes('sleep') ? 500 : 20_000 }), event('failed'), stop.signal),
    ).rejects.toThrow(why);
  });

  it('what it leaves running does not hold it up', async () => {
    await runCommand(command('sleep 30 & exit 0'), event('failed'), stop.signal);
  });

  it('is ended with the agent, and not begun after its end', async () => {
    const running = runCommand(command('sleep 1000 & sleep 1000'), event('failed'), stop.signal);
    stop.abort();
    await expect(running).rejects.toThrow(/ended with the agent/u);
    await expect(runCommand(command('true'), event('failed'), stop.signal)).rejects.toThrow();
  });

  it('that others can write is not run', async () => {
    const one = command('true');
    chownSync(one.program, 65534, 65534);
    await expect(runCommand(one, event('failed'), stop.signal)).rejects.toThrow(/owned by uid 65534/u);
  });

  it('one that fails is told about once, until it works again; one that needs no input is no trouble', async () => {
    const flag = path.join(place.path, 'broken');
    writeFileSync(flag, '');
    const file = out();
    const hook = program(`exec 0<&-\necho run >> ${file}\n[ ! -e ${flag} ] || exit 1`);
    const events = createEvents();
    const log: string[] = [];
    const part = startNotifier({
      conf: { user: 'nobody', notify: { command: hook, journal: false, expiringDays: 14 } },
      events,
      log: (priority, message) => log.push(`${priority} ${message}`),
      signal: stop.signal,
    });
    const runs = () => readFileSync(file, 'utf8').split('\n').length - 1;
    for (let count = 0; count < 5; count += 1) events.tell(event('trouble', { message: 'x'.repeat(200_000) }));
    await until(() => runs() === 5);
    rmSync(flag);
    events.tell(event('healed'));
    await until(() => log.some((line) => line.includes('works again')));
    expect(log).toEqual([
      expect.stringMatching(/^warning The command that is told of events failed as user 'nobody'/u),
      expect.stringContaining('works again'),
    ]);
    stop.abort();
    await part.ended;
  });
});

test('a flood is handed on one at a time, so many a second, and what is left out is counted', async () => {
  let running = 0;
  let most = 0;
  const delivered: string[] = [];
  const leftOut: number[] = [];
  const began = performance.now();
  const delivery = createDelivery({
    pace: { burst: 3, everyMs: 100, waiting: 5 },
    signal: stop.signal,
    onLeftOut: (count) => leftOut.push(count),
    async deliver({ message }) {
      running += 1;
      most = Math.max(most, running);
      await sleep(1);
      delivered.push(message);
      running -= 1;
    },
  });
  for (let count = 0; count < 10_000; count += 1) delivery.offer(event('trouble', { message: String(count) }));
  await until(() => delivered.at(-1) === '9999');
  // Three at once, the others after their pauses.
  expect(performance.now() - began).toBeGreaterThanOrEqual((delivered.length - 3) * 100 - 20);
  expect(most).toBe(1);
  expect(delivered.length).toBeLessThanOrEqual(6);
  expect(leftOut.reduce((sum, count) => sum + count, 0) + delivered.length).toBe(10_000);
  stop.abort();
  await delivery.ended;
});
