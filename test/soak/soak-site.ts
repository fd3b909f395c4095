import { setTimeout as sleep } from 'node:timers/promises';
import { startAgent, type RunningAgent } from '../rig/agent.js';
import type { CertificateSpec } from '../rig/authority.js';
import { startSite, type Site } from '../rig/site.js';

/** A site with many requests, and the agent that looks after them. */
export interface SoakSite {
  readonly site: Site;
  readonly agent: () => RunningAgent;
  /** Ends it with the signal, and starts another. */
  restartAgent(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** What all agents of the run have said. */
  log(): string;
  /** Signatures, logins and the like of certmonger and agents are not counted here: witnesses must not log in while certmonger works. */
  stop(): Promise<void>;
}

const subordinates = ['caOCSPCert', 'caSignedLogCert', 'caSubsystemCert', 'caServerCert'] as const;

/** One CA and, to make `count`, certificates of it, a subject and a key each; all due, as certmonger sees it. */
export function specsOf(count: number): CertificateSpec[] {
  return [
    { nickname: 'soakCA', profile: 'caCACert', subject: [{ O: ['SOAK'] }, { CN: ['Soak CA'] }] },
    ...Array.from({ length: count - 1 }, (_, index): CertificateSpec => {
      const number = String(index + 1).padStart(3, '0');
      return { nickname: `soak-${number}`, profile: subordinates[index % subordinates.length] ?? 'caServerCert', subject: [{ O: ['SOAK'] }, { CN: [`soak ${number}`] }] };
    }),
  ];
}

export async function startSoakSite(count: number): Promise<SoakSite> {
  const site = await startSite({ authority: { certificates: specsOf(count) } });
  await site.setUp();
  let said = '';
  const start = () => startAgent(['--bus', site.bus.address, '--config-dir', site.configDir, '--state-dir', site.stateDir]);
  let agent = start();
  return {
    site,
    agent: () => agent,
    async restartAgent(signal) {
      if (signal === 'SIGKILL') {
        process.kill(agent.pid, 'SIGKILL');
        await sleep(500);
      }
      await agent.stop();
      said += agent.log();
      agent = start();
    },
    log: () => said + agent.log(),
    async stop() {
      await agent.stop();
      await site.stop();
    },
  };
}

/** The machine's dice, seeded, so that a run can be had again (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

