import { chmodSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { AgentEvent } from '../../../src/agent/report/events.js';
import { installation } from '../../../src/platform/installation.js';
import { startAgent, type RunningAgent } from '../../rig/agent.js';
import { createAuthority, type AuthorityOptions } from '../../rig/authority.js';
import { getcert, getcertRecords } from '../../rig/certmonger.js';
import { privateDirectory } from '../../rig/directory.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { startSite, type Site } from '../../rig/site.js';
import { createSoftToken } from '../../rig/soft-token.js';
import { createMovedClock, type MovedClock } from './moved-clock.js';
import { buildSpiedModule, type SpiedModule } from './spied-module.js';

/** A site whose agent runs, with an installation of its own to break, and a request of another CA that nothing of ours may hold up. */
export interface BreakSite {
  readonly site: Site;
  readonly agent: RunningAgent;
  readonly spied: SpiedModule;
  /** Where there is one of its own. */
  readonly clock?: MovedClock;
  /** The private installation's directory of executables. */
  readonly executables: string;
  readonly instanceFile: string;
  /** Told to the administrator's command so far. */
  events(): TimedEvent[];
  /** The first event from `from` (index into events()) on that fits. */
  until(what: string, from: number, fits: (event: TimedEvent) => boolean, patienceMs: number): Promise<TimedEvent>;
  /** Has certmonger renew; the id is of a certificate's nickname. */
  renew(nickname: string): Promise<void>;
  /** getcert's record of the nickname's request. */
  record(nickname: string): Promise<Map<string, string>>;
  /** Until it is MONITORING with another certificate than `serial`. */
  untilRenewed(nickname: string, serial: string, patienceMs: number): Promise<void>;
  /** Until it is MONITORING with a certificate that expires then, in getcert's words. */
  untilExpiring(nickname: string, expires: string, patienceMs: number): Promise<void>;
  untilStatus(nickname: string, status: string, patienceMs: number): Promise<void>;
  /** Until it is MONITORING, for a moment at least. */
  untilSettled(nickname: string, patienceMs: number): Promise<void>;
  /** What tells one certificate from the next: when it was issued and when it expires. */
  serial(nickname: string): Promise<string>;
  /** Renews the bystander's certificate, and gives milliseconds until it was saved. */
  bystander(patienceMs: number): Promise<number>;
  stop(): Promise<void>;
}

/** When it was read: within 100 ms after it was told. */
export type TimedEvent = Omit<AgentEvent, 'at'> & { readonly readAt: number };

/** `ownClock`: certmonger, the agent and all they start have one that can be moved. `certmonger`: more for its environment. */
export async function startBreakSite(
  authorityOptions: AuthorityOptions,
  { ownClock = false, certmonger = {} }: { readonly ownClock?: boolean; readonly certmonger?: Readonly<Record<string, string>> } = {},
): Promise<BreakSite> {
  const scratch = privateDirectory('breaks');
  const owner = ensureServiceUser();
  const spied = buildSpiedModule(scratch.path);
  const soft = await createSoftToken({ directory: scratch.path, owner });
  const authority = await createAuthority(soft, authorityOptions);
  const token = { ...soft, module: spied.module };
  const clock = ownClock ? createMovedClock(scratch.path) : undefined;
  const elsewhere = clock === undefined ? {} : { command: clock.command };
  const site = await startSite({
    beside: { token, authority },
    certmonger: { ...elsewhere, env: { ...certmonger, ...clock?.environment } },
  });
  // Others' tests run those of the build.
  const executables = path.join(scratch.path, 'dist');
  cpSync(installation().executables, executables, { recursive: true });
  const flags = ['--bus', site.bus.address, '--config-dir', site.configDir, '--state-dir', site.stateDir];
  const eventsFile = path.join(scratch.path, 'events');
  const notify = path.join(scratch.path, 'notify');
  writeFileSync(eventsFile, '');
  chmodSync(eventsFile, 0o666);
  writeFileSync(notify, `#!/bin/sh\ncat >> ${eventsFile}\n`, { mode: 0o755 });

  const setUp = await execa(
    path.join(executables, 'hsmonger'),
    [
      ...flags,
      'setup',
      '--yes',
      '--token',
      token.label,
      '--module',
      token.module,
      '--module-env',
      `SOFTHSM2_CONF=${token.confFile}`,
      '--pin-file',
      token.pinFile,
      '--dbdir',
      site.nss.database,
      '--user',
      owner.name,
      '--issuer',
      'token',
      '--issuer-certificate',
      'caSigningCert cert-pki-ca',
      ...authority.certificates.flatMap(({ nickname, profile }) => ['--certificate', `${nickname}=${profile}`]),
    ],
    { reject: false, stdin: 'ignore', timeout: 180_000 },
  );
  if (setUp.exitCode !== 0) throw new Error(`setup ended with ${String(setUp.exitCode)}:\n${setUp.stdout}\n${setUp.stderr}`);
  const instanceFile = path.join(site.configDir, 'hsmonger.toml');
  // As often as may be set, so that the test is short; the default is a minute.
  writeFileSync(instanceFile, `${readFileSync(instanceFile, 'utf8')}\n[agent]\nprobe-seconds = 5\nspread-days = 0\n`);
  writeFileSync(path.join(site.configDir, 'agent.conf'), `[notify]\ncommand = "${notify}"\njournal = false\n`);

  const key = path.join(scratch.path, 'bystander.key');
  await getcert(site.bus, [
    'request',
    '-I',
    'bystander',
    '-c',
    'SelfSign',
    '-k',
    key,
    '-f',
    path.join(scratch.path, 'bystander.crt'),
    '-N',
    'CN=bystander',
  ]);
  await site.untilQuiet(120_000);

  const agent = startAgent(flags, clock?.environment ?? {}, { program: path.join(executables, 'hsmonger'), ...elsewhere });
  await agent.until(/looking after 'hsmonger'/u, 30_000);

  const seen: TimedEvent[] = [];
  const events = () => {
    const lines = readFileSync(eventsFile, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    for (const line of lines.slice(seen.length)) seen.push({ ...(JSON.parse(line) as AgentEvent), readAt: Date.now() });
    return seen;
  };
  const explained = (what: string, patienceMs: number) => async () =>
    new Error(
      `Not ${what} within ${String(patienceMs / 1000)} s.\nevents: ${events()
        .slice(-12)
        .map((event) => JSON.stringify(event))
        .join(
          '\n',
        )}\nagent: ${agent.log().slice(-4000)}\n${(await getcert(site.bus, ['list'])).stdout}\n${site.certmonger.log().slice(-3000)}`,
    );
  const poll = async (what: string, patienceMs: number, holds: () => Promise<boolean>) => {
    for (const end = Date.now() + patienceMs; !(await holds()); await sleep(100))
      if (Date.now() > end) throw await explained(what, patienceMs)();
  };

  /** getcert gives up where certmonger has just been started, or is busy reading keys. */
  const records = async () => {
    for (const end = Date.now() + 30_000; ; await sleep(200)) {
      try {
        return await getcertRecords(site.bus);
      } catch (error) {
        if (Date.now() > end) throw error;
      }
    }
  };
  const idOf = async (nickname: string) => {
    const found = [...(await records())].find(([, fields]) => fields.get('certificate')?.includes(`nickname='${nickname}'`));
    if (found === undefined) throw new Error(`No request for '${nickname}'.`);
    return found;
  };
  const record = async (nickname: string) => (await idOf(nickname))[1];
  const serial = async (nickname: string) => (await record(nickname)).get('issued') ?? '';
  const rested = async (nickname: string, before: string) => {
    const fields = await record(nickname);
    return fields.get('status') === 'MONITORING' && (fields.get('issued') ?? '') !== before;
  };
  return {
    site,
    agent,
    spied,
    ...(clock === undefined ? {} : { clock }),
    executables,
    instanceFile,
    events,
    async until(what, from, fits, patienceMs) {
      let found: TimedEvent | undefined;
      await poll(what, patienceMs, () => Promise.resolve((found = events().slice(from).find(fits)) !== undefined));
      return found!;
    },
    renew: async (nickname) => {
      // "issued" tells seconds: the next one must differ.
      await sleep(1100);
      await getcert(site.bus, ['resubmit', '-i', (await idOf(nickname))[0]], [0, 1]);
    },
    record,
    untilRenewed: (nickname, before, patienceMs) => poll(`renewed '${nickname}'`, patienceMs, () => rested(nickname, before)),
    untilExpiring: (nickname, expires, patienceMs) =>
      poll(`'${nickname}' expiring ${expires}`, patienceMs, async () => {
        const fields = await record(nickname);
        return fields.get('status') === 'MONITORING' && fields.get('expires') === expires;
      }),
    untilStatus: (nickname, status, patienceMs) =>
      poll(`'${nickname}' ${status}`, patienceMs, async () => (await record(nickname)).get('status') === status),
    async untilSettled(nickname, patienceMs) {
      let since = Infinity;
      await poll(`settled '${nickname}'`, patienceMs, async () => {
        since = (await record(nickname)).get('status') === 'MONITORING' ? Math.min(since, Date.now()) : Infinity;
        return Date.now() - since > 1000;
      });
    },
    serial,
    async bystander(patienceMs) {
      const one = async () => (await records()).get('bystander') ?? new Map<string, string>();
      const before = (await one()).get('issued');
      await sleep(1100);
      const started = Date.now();
      await getcert(site.bus, ['resubmit', '-i', 'bystander']);
      await poll('the bystander renewed', patienceMs, async () => {
        const fields = await one();
        return fields.get('status') === 'MONITORING' && fields.get('issued') !== before;
      });
      return Date.now() - started;
    },
    async stop() {
      await agent.stop();
      await site.stop();
      if (existsSync(scratch.path)) scratch.remove();
    },
  };
}
