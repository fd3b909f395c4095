import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect } from 'vitest';
import { installation } from '../../src/platform/installation.js';
import { layGround, openssl, type Ground } from '../cli/ca/ground.js';
import { startBus, type PrivateBus } from '../rig/bus.js';
import { askAgain, getcertRecords, startCertmonger, type Certmonger } from '../rig/certmonger.js';

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
      const { exitCode, stdout, stderr } = await execa(
        path.join(installation().executables, 'hsmonger'),
        ['--bus', bus.address, ...ground.here, ...args],
        { reject: false, stdin: 'ignore', timeout: 180_000, extendEnv: false, env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' } },
      );
      expect(exitCode, `${args.join(' ')}\n${stdout}\n${stderr}\n${certmonger.log().slice(-3000)}`).toBe(0);
      return stdout;
    },
    untilMonitoring: async (requests, patienceMs = 60_000) => {
      for (const end = Date.now() + patienceMs; ; await sleep(300)) {
        const records = [...(await getcertRecords(bus)).values()];
        if (records.length === requests && records.every((record) => record.get('status') === 'MONITORING')) return;
        await askAgain(bus);
        if (Date.now() > end)
          throw new Error(`Not all monitoring.\n${JSON.stringify(records.map((record) => [...record]))}\n${certmonger.log().slice(-4000)}`);
      }
    },
    stop: async () => {
      await certmonger.stop();
      await bus.stop();
      ground.remove();
    },
  };
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
