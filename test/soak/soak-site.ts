import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installation } from '../../src/platform/installation.js';
import { buildSpiedModule, type SpiedModule } from '../agent/breaks/spied-module.js';
import { startAgent, unitEnvironment, type RunningAgent } from '../rig/agent.js';
import { createAuthority, type CertificateSpec } from '../rig/authority.js';
import { privateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { startSite, type Site } from '../rig/site.js';
import { createSoftToken } from '../rig/soft-token.js';
import { createShiftedClock } from './shifted-clock.js';

/** A site with many requests, the agent that looks after them, and an installation of its own to break. */
export interface SoakSite {
  readonly site: Site;
  readonly spied: SpiedModule;
  /** The private installation's directory of executables. */
  readonly executables: string;
  /** As Site.privateKeys, before certmonger knew of any: a look logs in, and SoftHSM rewrites the token's file at every login. */
  readonly keys: readonly string[];
  readonly agent: () => RunningAgent;
  /** Ends it with the signal, and starts another. */
  restartAgent(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  agentsStarted(): number;
  /** What agents said last that ended without having been told to. */
  agentsGone(): readonly string[];
  /** Milliseconds the agents' wall clock is ahead. */
  shiftClock(ms: number): void;
  /** What all agents of the run have said. */
  log(): string;
  /** Agent and certmonger alone: the token is left to the witnesses. */
  quiet(): Promise<void>;
  stop(): Promise<void>;
}

const subordinates = ['caOCSPCert', 'caSignedLogCert', 'caSubsystemCert', 'caServerCert'] as const;

/** One CA and, to make `count`, certificates of it, a subject and a key each; all due, as certmonger sees it. */
function specsOf(count: number): CertificateSpec[] {
  return [
    { nickname: 'soakCA', profile: 'caCACert', subject: [{ O: ['SOAK'] }, { CN: ['Soak CA'] }] },
    ...Array.from({ length: count - 1 }, (_, index): CertificateSpec => {
      const number = String(index + 1).padStart(3, '0');
      return {
        nickname: `soak-${number}`,
        profile: subordinates[index % subordinates.length] ?? 'caServerCert',
        subject: [{ O: ['SOAK'] }, { CN: [`soak ${number}`] }],
      };
    }),
  ];
}

/** While requests are added: what is added and what is saved wait for one lock, so that each would wait for all before it. */
const nothingDue = '[defaults]\nenroll_ttls = 1d\n';

/** Of certmonger's start, which reads key and certificate of every request first, and of `setup`, which has them read three times. */
const patience = (count: number) => 180 + count * 10;

/**
 * certmonger renews at the moment a threshold is passed, and not again for that one: it is made to forget that it has looked
 * (store-files.c, last_need_enroll_check).
 */
async function makeDue({ directory, certmonger }: Site): Promise<void> {
  await certmonger.stop();
  rmSync(path.join(directory, 'certmonger', 'config', 'certmonger.conf'));
  for (const name of readdirSync(certmonger.requestsDirectory)) {
    const file = path.join(certmonger.requestsDirectory, name);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^(last_need_enroll_check)=.*$/mu, '$1=19700101000000'));
  }
  await certmonger.restart();
}

export async function startSoakSite(count: number): Promise<SoakSite> {
  const scratch = privateDirectory('soak');
  const owner = ensureServiceUser();
  const spied = buildSpiedModule(scratch.path);
  const token = await createSoftToken({ directory: scratch.path, owner });
  const authority = await createAuthority(token, { certificates: specsOf(count) });
  const executables = path.join(scratch.path, 'dist');
  cpSync(installation().executables, executables, { recursive: true });
  const site = await startSite({
    beside: { token: { ...token, module: spied.module }, authority },
    executables,
    patience: patience(count),
    conf: nothingDue,
  });
  const keys = await site.privateKeys();
  mkdirSync(site.stateDir);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128m,mode=0755', 'tmpfs', site.stateDir]);
  const unmount = () => {
    execFileSync('umount', ['--lazy', site.stateDir]);
  };
  process.once('exit', unmount);
  await site.setUp();
  await makeDue(site);
  const clock = createShiftedClock(scratch.path);
  const [nodeOptions = ''] = [unitEnvironment()['NODE_OPTIONS']];
  let said = '';
  let started = 0;
  const start = () => {
    started += 1;
    return startAgent(
      ['--bus', site.bus.address, '--config-dir', site.configDir, '--state-dir', site.stateDir],
      { NODE_OPTIONS: `${nodeOptions} ${clock.option}` },
      { program: path.join(executables, 'hsmonger') },
    );
  };
  let agent = start();
  const gone: string[] = [];
  const noteGone = () => {
    if (!existsSync(`/proc/${String(agent.pid)}`)) gone.push(agent.log().slice(-2000));
  };
  return {
    site,
    spied,
    executables,
    keys,
    agent: () => agent,
    async restartAgent(signal) {
      noteGone();
      if (signal === 'SIGKILL') {
        process.kill(agent.pid, 'SIGKILL');
        await sleep(500);
      }
      await agent.stop();
      said += agent.log();
      agent = start();
    },
    agentsStarted: () => started,
    agentsGone() {
      noteGone();
      return gone;
    },
    shiftClock: clock.shift,
    log: () => said + agent.log(),
    async quiet() {
      await agent.stop();
      await site.certmonger.stop();
    },
    async stop() {
      await agent.stop();
      await site.certmonger.stop();
      process.off('exit', unmount);
      unmount();
      await site.stop();
      scratch.remove();
    },
  };
}
