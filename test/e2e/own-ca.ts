import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect } from 'vitest';
import { installation } from '../../src/platform/installation.js';
import { layGround, openssl, type Ground } from '../cli/ca/ground.js';
import { startBus, type PrivateBus } from '../rig/bus.js';
import { getcertRecords, startCertmonger, type Certmonger } from '../rig/certmonger.js';

/** A host with a token, certmonger and no CA yet: what a test makes on it, it makes with the CLI. */
export interface OwnCaHost {
  readonly ground: Ground;
  readonly bus: PrivateBus;
  readonly certmonger: Certmonger;
  /** dist/hsmonger with this host's flags; fails the test with its words when it does not end with 0. */
  readonly cli: (...args: string[]) => Promise<string>;
  /** Until certmonger has so many requests and all of them are MONITORING. */
  untilMonitoring(requests: number, patienceMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startOwnCaHost(label?: string): Promise<OwnCaHost> {
  const ground = await layGround(label);
  const bus = await startBus(ground.directory);
  const certmonger = await startCertmonger({ directory: ground.directory, bus, token: ground.token });
  return {
    ground,
    bus,
    certmonger,
    cli: async (...args) => {
      const run = () =>
        execa(path.join(installation().executables, 'hsmonger'), ['--bus', bus.address, ...ground.here, ...args], {
          reject: false,
          stdin: 'ignore',
          timeout: 180_000,
          extendEnv: false,
          env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' },
        });
      const before = crashes(certmonger.log());
      let ended = await run();
      if (ended.exitCode !== 0 && crashes(certmonger.log()) > before) {
        await certmonger.restart();
        ended = await run();
      }
      const { exitCode, stdout, stderr } = ended;
      expect(exitCode, `${args.join(' ')}\n${stdout}\n${stderr}\n${certmonger.log().slice(-3000)}`).toBe(0);
      return stdout;
    },
    untilMonitoring: async (requests, patienceMs = 60_000) => {
      const before = crashes(certmonger.log());
      let restarted = false;
      for (let end = Date.now() + patienceMs; ; await sleep(300)) {
        const records = [...(await getcertRecords(bus)).values()];
        if (records.length === requests && records.every((record) => record.get('status') === 'MONITORING')) return;
        if (Date.now() <= end) continue;
        if (restarted || crashes(certmonger.log()) === before)
          throw new Error(`Not all monitoring.\n${JSON.stringify(records.map((record) => [...record]))}\n${certmonger.log().slice(-4000)}`);
        restarted = true;
        await certmonger.restart();
        end = Date.now() + patienceMs;
      }
    },
    stop: async () => {
      await certmonger.stop();
      await bus.stop();
      ground.remove();
    },
  };
}

/**
 * How often a child of certmonger was ended by malloc: 0.79.17's, when it makes a request, may corrupt its heap and ends in
 * NSS_ShutdownContext (SECOID_Shutdown, PL_HashTableDestroy). The daemon makes the next one from the same heap every 30 seconds, which ends
 * alike until the daemon is started anew.
 */
function crashes(log: string): number {
  return log.match(/^(?:free\(\): |corrupted size |double free |malloc\(\): |munmap_chunk\(\): )/gmu)?.length ?? 0;
}

/** The extensions as openssl prints them. */
export const extensionsOf = (file: string): string =>
  /X509v3 extensions:\n([^]*?)\n {4}Signature Algorithm/u.exec(openssl('x509', '-in', file, '-noout', '-text'))?.[1] ?? '';

/** Whole days from notBefore to notAfter, by openssl. */
export function lifetimeOf(file: string): number {
  const [begin = NaN, end = NaN] = ['-startdate', '-enddate'].map((which) =>
    Date.parse(openssl('x509', '-in', file, '-noout', which).split('=')[1] ?? ''),
  );
  return Math.round((end - begin) / 86_400_000);
}
