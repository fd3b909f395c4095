/**
 * The agent's bus name on a real dbus-daemon, with busctl as the caller: as root, as nobody, as a member of the group. What stands behind
 * what answers them is made up.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectAgent, type ReceivedEvent } from '../../../dbus/agent/client.js';
import { agentDescription } from '../../../dbus/agent/description.js';
import { agentInterface, agentName, agentPath } from '../../../dbus/agent/names.js';
import { connectBus } from '../../../dbus/connect.js';
import { introspectionOf } from '../../../dbus/served/description.js';
import { createGroupLookUp } from '../../../src/agent/bus/access.js';
import { startBusName, type BusName } from '../../../src/agent/bus/bus-name.js';
import type { AgentApi } from '../../../src/agent/bus/agent-api.js';
import type { AgentSnapshot } from '../../../src/agent/report/snapshot.js';
import { HsmongerError } from '../../../src/errors.js';
import { decode } from '../../../src/service/wire.js';
import { startBus, type PrivateBus } from '../../rig/bus.js';
import { privateDirectory } from '../../rig/directory.js';

const directory = privateDirectory('agent-bus');
const policy = path.resolve(import.meta.dirname, '../../../dbus/org.hsmonger.Agent1.conf');
/** A group every Debian has; nobody is not in it. */
const group = 'games';

const snapshot: AgentSnapshot = {
  at: new Date('2026-11-25T12:00:00Z'),
  version: '1.2.3',
  startedAt: new Date('2026-11-25T11:00:00Z'),
  certmonger: { running: true },
  instances: [
    {
      name: 'hsmonger',
      diagnoses: [],
      certificates: [
        {
          nickname: 'ocspSigningCert cert-pki-ca',
          profile: 'caOCSPCert',
          where: 'softhsm',
          request: 'hsmonger.ocsp',
          state: 'MONITORING',
          notAfter: new Date('2027-01-01T00:00:00Z'),
          history: [],
        },
        {
          nickname: 'Zürich \u{d800}\0',
          profile: 'caServerCert',
          where: 'softhsm',
          state: 'not tracked',
          history: [],
          diagnosis: {
            cause: 'not-tracked',
            severity: 'error',
            sentence: 'It is not tracked.',
            cure: { by: 'reconcile', advice: 'It is added.', alone: true },
          },
        },
      ],
    },
    { name: 'second', diagnoses: [], certificates: [] },
  ],
  requests: [],
  counters: { renewals: [], failures: [], heals: [], signatures: [] },
  events: [],
};

const asked: string[] = [];
const api: AgentApi = {
  snapshot: () => snapshot,
  plan: (instance) => Promise.resolve({ changes: [{ kind: 'add', id: `${instance}.x` }], refusals: [] }),
  reconcile: (instance) => {
    asked.push(`reconcile ${instance}`);
    return Promise.resolve({ steps: [], left: [{ kind: 'replace', id: 'y' }] });
  },
  renew: (instance, nickname) => {
    asked.push(`renew ${instance} ${nickname}`);
    if (nickname === 'none') return Promise.reject(new HsmongerError('USAGE', "Instance 'hsmonger' has no certificate 'none'."));
    return Promise.resolve('certmonger was asked.');
  },
  unlock: (instance) =>
    instance === 'binary'
      ? Promise.reject(new HsmongerError('TOKEN_FAILED', 'The token\0 said \ud800.'))
      : Promise.reject(new HsmongerError('PIN_LOCKED', 'The PIN is locked.')),
  reload: () => Promise.resolve('Read again.'),
};

let open: PrivateBus;
/** As the system bus is: nothing that a policy does not allow. */
let guarded: PrivateBus;
let stop: AbortController;
const names: BusName[] = [];
const lines: string[] = [];
let allowed: string | undefined = group;

function serveOn(bus: string): BusName {
  const served = startBusName({
    bus,
    env: {},
    api,
    group: () => allowed,
    log: (_priority, message) => lines.push(message),
    signal: stop.signal,
  });
  names.push(served);
  return served;
}

type As = 'root' | 'nobody' | 'member';
const nobodyAlone = ['--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups'];
function memberOnly(): string[] {
  const gid =
    readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((line) => line.startsWith(`${group}:`))
      ?.split(':')[2] ?? '';
  return ['--reuid', 'nobody', '--regid', 'nogroup', '--groups', gid];
}
async function busctl(bus: PrivateBus, as: As, ...args: string[]) {
  const become = { root: [], nobody: ['setpriv', ...nobodyAlone], member: ['setpriv', ...memberOnly()] }[as];
  const [program = '', ...words] = [...become, 'busctl', `--address=${bus.address}`, '--timeout=20', ...args];
  const { exitCode, stdout, stderr } = await execa(program, words, { reject: false, timeout: 30_000 });
  return { exitCode, stdout, stderr };
}
const call = (bus: PrivateBus, as: As, member: string, ...args: string[]) =>
  busctl(bus, as, 'call', agentName, agentPath, agentInterface, member, ...args);

beforeAll(async () => {
  open = await startBus(privateDirectory('open').path);
  const own = privateDirectory('guarded').path;
  // The group of the policy is one this machine has.
  const rules = path.join(own, 'policy.conf');
  writeFileSync(rules, readFileSync(policy, 'utf8').replace('group="hsmonger"', `group="${group}"`));
  guarded = await startBus(own, { include: rules });
});
beforeAll(async () => {
  stop = new AbortController();
  await Promise.all([serveOn(open.address).owned, serveOn(guarded.address).owned]);
});
afterEach(() => {
  asked.length = 0;
});
afterAll(async () => {
  stop.abort();
  await Promise.all(names.map(({ ended }) => ended));
  await open.stop();
  await guarded.stop();
  directory.remove();
});

describe('the interface', () => {
  it('is the one in the XML file', () => {
    expect(readFileSync(path.resolve(import.meta.dirname, '../../../dbus/org.hsmonger.Agent1.xml'), 'utf8')).toBe(
      introspectionOf([agentDescription]),
    );
  });

  it('is shown and found by busctl', async () => {
    const { stdout } = await busctl(open, 'root', 'introspect', agentName, agentPath, agentInterface);
    for (const member of [
      ...Object.keys(agentDescription.methods),
      ...Object.keys(agentDescription.signals),
      ...Object.keys(agentDescription.properties),
    ])
      expect(stdout).toMatch(new RegExp(`^\\.${member}\\b`, 'mu'));
    expect((await busctl(open, 'root', 'tree', agentName)).stdout).toContain(agentPath);
  });

  it('answers in its own types', async () => {
    const status = JSON.parse((await call(open, 'root', 'Status', '--json=short', 's', 'hsmonger')).stdout) as {
      data: [Record<string, { type: string; data: unknown }>[]];
    };
    expect(status.data[0]).toEqual([
      {
        instance: str('hsmonger'),
        nickname: str('ocspSigningCert cert-pki-ca'),
        profile: str('caOCSPCert'),
        where: str('softhsm'),
        request: str('hsmonger.ocsp'),
        state: str('MONITORING'),
        'not-after': { type: 'x', data: 1798761600 },
      },
      expect.objectContaining({ nickname: str('Zürich \u{fffd}\u{fffd}'), cause: str('not-tracked'), cure: str('It is added.') }),
    ]);
    expect((await call(open, 'root', 'Status', 's', 'second')).stdout.trim()).toBe('aa{sv} 0');
    expect((await call(open, 'root', 'Plan', 's', 'x')).stdout.trim()).toBe('aa{ss}aa{ss} 1 2 "kind" "add" "id" "x.x" 0');
    expect((await busctl(open, 'root', 'get-property', agentName, agentPath, agentInterface, 'Instances')).stdout.trim()).toBe(
      'as 2 "hsmonger" "second"',
    );
    expect((await busctl(open, 'root', 'get-property', agentName, agentPath, agentInterface, 'StartedAt')).stdout.trim()).toBe(
      `x ${String(Date.parse('2026-11-25T11:00:00Z') / 1000)}`,
    );
  });

  it('says in a sentence what was wrong', async () => {
    expect((await call(open, 'root', 'Renew', 'ss', 'hsmonger', 'none')).stderr).toMatch(/has no certificate 'none'\./u);
    expect((await call(open, 'root', 'Unlock', 's', 'hsmonger')).stderr).toMatch(/The PIN is locked\./u);
    expect((await call(open, 'root', 'Renew', 's', 'hsmonger')).stderr).toMatch(/Renew takes 'ss', not 's'\./u);
    expect((await call(open, 'root', 'Explode')).stderr).toMatch(/no method 'Explode'/u);
    expect((await busctl(open, 'root', 'call', agentName, '/elsewhere', agentInterface, 'Reload')).stderr).toMatch(
      /no object '\/elsewhere'/u,
    );
    expect((await busctl(open, 'root', 'get-property', agentName, agentPath, agentInterface, 'constructor')).stderr).toMatch(
      /no property 'constructor'/u,
    );
  });
});

describe('what callers send', () => {
  it('that is another thing than was asked for, or whose answer cannot be said, ends neither the connection nor the agent', async () => {
    const before = lines.length;
    expect((await call(open, 'root', 'Unlock', 's', 'binary')).stderr).toMatch(/The token\u{fffd} said \u{fffd}\./u);
    const client = await connectBus(open.address, { env: {} });
    await expect(
      client.call({
        destination: agentName,
        path: agentPath,
        interface: agentInterface,
        member: 'Status',
        signature: 'as',
        body: [['x'.repeat(1_000_000)]],
      }),
    ).rejects.toMatchObject({ errorName: 'org.freedesktop.DBus.Error.InvalidArgs' });
    client.disconnect();
    expect(await call(open, 'root', 'Snapshot')).toMatchObject({ exitCode: 0 });
    expect(lines.slice(before)).toEqual([]);
  });
});

describe('who gets in', () => {
  const reading: readonly (readonly [string, ...string[]])[] = [['Status', 's', ''], ['Snapshot']];
  const changing: readonly (readonly [string, ...string[]])[] = [
    ['Plan', 's', 'hsmonger'],
    ['Reconcile', 's', 'hsmonger'],
    ['Renew', 'ss', 'hsmonger', 'x'],
    ['Unlock', 's', 'hsmonger'],
    ['Reload'],
  ];

  it.each(['open', 'guarded'] as const)('root to everything (%s bus)', async (which) => {
    for (const words of [...reading, ...changing.filter(([member]) => member !== 'Unlock')])
      expect(await call(which === 'open' ? open : guarded, 'root', ...words)).toMatchObject({ exitCode: 0 });
  });

  it.each(['open', 'guarded'] as const)('nobody else to anything (%s bus)', async (which) => {
    const bus = which === 'open' ? open : guarded;
    for (const words of [...reading, ...changing])
      expect(await call(bus, 'nobody', ...words)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/may not ask|rejected send message|Access denied/iu) as string,
      });
    expect(await busctl(bus, 'nobody', 'get-property', agentName, agentPath, agentInterface, 'Version')).toMatchObject({ exitCode: 1 });
    expect(asked).toEqual([]);
  });

  it.each(['open', 'guarded'] as const)('a member of the group to what only reads (%s bus)', async (which) => {
    const bus = which === 'open' ? open : guarded;
    for (const words of reading) expect(await call(bus, 'member', ...words)).toMatchObject({ exitCode: 0 });
    expect((await busctl(bus, 'member', 'get-property', agentName, agentPath, agentInterface, 'Version')).stdout.trim()).toBe('s "1.2.3"');
    for (const words of changing) expect(await call(bus, 'member', ...words)).toMatchObject({ exitCode: 1 });
    expect(asked).toEqual([]);
  });

  it('the group only where agent.conf names it, and only if this machine has it', async () => {
    for (const none of [undefined, 'no-such-group-here']) {
      allowed = none;
      // busctl keeps the words of a refusal to itself.
      const { exitCode, stderr } = await execa(
        'setpriv',
        [
          ...memberOnly(),
          'dbus-send',
          `--bus=${guarded.address}`,
          '--print-reply',
          `--dest=${agentName}`,
          agentPath,
          `${agentInterface}.Status`,
          'string:',
        ],
        { reject: false },
      );
      expect({ exitCode, stderr }).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/AccessDenied.*may not ask the agent/u) as string,
      });
    }
    allowed = group;
  });

  it('a group that is asked for again and again is looked up once in a while', async () => {
    let asked_ = 0;
    let ms = 0;
    const groupOf = createGroupLookUp(
      (name) => {
        asked_ += 1;
        return Promise.resolve(name === undefined ? undefined : { name, gid: 60 });
      },
      () => ms,
    );
    expect(await Promise.all(Array.from({ length: 500 }, () => groupOf('games')))).toHaveLength(500);
    expect(asked_).toBe(1);
    expect(await groupOf('others')).toEqual({ name: 'others', gid: 60 });
    ms = 6000;
    await groupOf('others');
    expect(asked_).toBe(3);
  });

  it('nobody else may take the name on a bus with the policy', async () => {
    const { exitCode } = await execa(
      'setpriv',
      [
        ...nobodyAlone,
        'busctl',
        `--address=${guarded.address}`,
        'call',
        'org.freedesktop.DBus',
        '/org/freedesktop/DBus',
        'org.freedesktop.DBus',
        'RequestName',
        'su',
        agentName,
        '0',
      ],
      { reject: false },
    );
    expect(exitCode).toBe(1);
  });
});

describe('signals', () => {
  it('reach who listens by the name', async () => {
    const client = await connectAgent(open.address, {});
    const heard: ReceivedEvent[] = [];
    await client.onEvent((event) => heard.push(event));
    names[0]!.event({
      kind: 'healed',
      at: new Date(),
      instance: 'hsmonger',
      nickname: 'a',
      message: 'It is over.',
      details: { cause: 'token-away' },
    });
    await expect
      .poll(() => heard, { timeout: 10_000 })
      .toEqual([{ kind: 'healed', instance: 'hsmonger', nickname: 'a', message: 'It is over.', details: { cause: 'token-away' } }]);
    client.disconnect();
  });

  it.each([
    ['nobody', false],
    ['member', true],
  ] as const)('%s hears them on a bus with the policy: %s', async (as, hears) => {
    const listener = execa(
      'setpriv',
      [
        ...(as === 'member' ? memberOnly() : nobodyAlone),
        'dbus-monitor',
        '--address',
        guarded.address,
        `type='signal',sender='${agentName}'`,
      ],
      { reject: false, buffer: false },
    );
    let said = '';
    listener.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    // Its own name is the first it hears.
    await expect.poll(() => said, { timeout: 10_000 }).toMatch(/NameAcquired|NameLost/u);
    // Its match rule comes after its name, and may be late.
    for (let sent = 0; sent < (hears ? 200 : 20) && !said.includes('StateChanged'); sent += 1) {
      names[1]!.stateChanged('hsmonger', 'a', 'MONITORING');
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
    }
    expect(said.includes('StateChanged')).toBe(hears);
    listener.kill('SIGKILL');
    await listener;
  });
});

describe('the client', () => {
  it('reads everything', async () => {
    const client = await connectAgent(open.address, {});
    expect(decode(await client.snapshot())).toMatchObject({ version: '1.2.3', startedAt: snapshot.startedAt });
    expect(await client.renew('hsmonger', 'a')).toBe('certmonger was asked.');
    expect(await client.reconcile('hsmonger')).toEqual({ steps: [], left: [{ kind: 'replace', id: 'y' }] });
    await expect(client.unlock('hsmonger')).rejects.toMatchObject({ code: 'DAEMON_FAILED', message: 'The PIN is locked.' });
    client.disconnect();
  });

  it('says that no agent runs, and starts none', async () => {
    const bus = await startBus(privateDirectory('empty').path);
    const client = await connectAgent(bus.address, {});
    await expect(client.reload()).rejects.toMatchObject({ code: 'DAEMON_UNAVAILABLE' });
    client.disconnect();
    await bus.stop();
  });
});

describe('the name', () => {
  it('is refused to a second agent, which says so and ends', async () => {
    const second = serveOn(open.address);
    await expect(second.owned).rejects.toMatchObject({ code: 'STATE_BUSY' });
    await second.ended;
  });

  it('is taken again on a bus that restarts', async () => {
    const own = privateDirectory('restart').path;
    const first = await startBus(own);
    const served = serveOn(first.address);
    await served.owned;
    await first.stop();
    const again = await startBus(own);
    await expect.poll(async () => (await call(again, 'root', 'Snapshot')).exitCode, { timeout: 20_000 }).toBe(0);
    expect(lines.join('\n')).toMatch(/is served again/u);
    await again.stop();
  });
});

function str(data: string): { type: string; data: string } {
  return { type: 's', data };
}
