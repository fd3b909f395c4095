import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { compare, less, type Comparison, type Summary } from '../row.js';
import { interleaveMeasures } from './in-turn.js';
import { ourWorker } from './ours.js';
import { rawRate } from './peers.js';
import { caKeys, type IssuePlace } from './place.js';

const signMs = 5;
const certificates = { 1: 200, 4: 600, 16: 1000 } as const;
const sessionCounts = [1, 4, 16] as const;
/** 85 % of the rate of the module alone. */
const nearRaw = { atMost: 1 / 0.85 };

/** An HSM behind a network: what a signature takes is not this machine's time, and sessions sign side by side. */
export async function benchNetworkHsm(place: IssuePlace, rounds: number): Promise<Comparison[]> {
  const module = path.join(place.directory, 'slow.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', module, `-DMODULE=${JSON.stringify(place.token.module)}`, `-DSIGN_MS=${String(signMs)}`, path.join(import.meta.dirname, 'slow-module.c'), '-ldl']);
  const slow: IssuePlace = { ...place, token: { ...place.token, module } };
  const key = caKeys.find(({ name }) => name === 'P-256')!;
  const each = (whole: Summary, count: number): Summary => ({ minimum: whole.minimum / count, median: whole.median / count });
  const measured = await interleaveMeasures(rounds, {
    start: ourWorker(slow, key, 1, 1),
    ...Object.fromEntries(
      sessionCounts.flatMap((sessions) => {
        const few = { ...key, count: certificates[sessions] };
        return [[`raw ${String(sessions)}`, rawRate(slow, few, sessions)], [`ours ${String(sessions)}`, ourWorker(slow, key, sessions, few.count)]];
      }),
    ),
  });
  const ours = (sessions: keyof typeof certificates) => each(less(measured[`ours ${String(sessions)}`]!, measured['start']!), certificates[sessions] - 1);
  const raw = (sessions: keyof typeof certificates) => each(measured[`raw ${String(sessions)}`]!, certificates[sessions]);
  const name = (what: string) => `P-256, ${String(signMs)} ms a signature elsewhere, ms a certificate: ${what}`;
  return [
    ...sessionCounts.map((sessions) => compare(name(`${String(sessions)} sessions / C_Sign alone in ${String(sessions)}`), nearRaw, ours(sessions), raw(sessions))),
    compare(name('16 sessions / 1 session'), 'none', ours(16), ours(1)),
  ];
}
