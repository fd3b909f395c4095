import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { compare, less, type Comparison, type Summary } from '../row.js';
import { interleaveMeasures } from './in-turn.js';
import { ourWorker } from './ours.js';
import { rawRate } from './peers.js';
import { caKeys, type IssuePlace } from './place.js';
import { compileLibrary } from '../../rig/compile.js';

const signMs = 5;
/** Of four times the rate three are there. */
const scales = { atMost: 1 / 3 };
const certificates = { 1: 200, 4: 600, 16: 1000 } as const;
const sessionCounts = [1, 4, 16] as const;
/** 85 % of the rate of the module alone. */
const nearRaw = { atMost: 1 / 0.85 };

/** An HSM behind a network: what a signature takes is not this machine's time, and sessions sign side by side. */
export async function benchNetworkHsm(place: IssuePlace, rounds: number): Promise<Comparison[]> {
  // Root's, beside the directory that is the user's: another is not loaded.
  const module = path.join(`${place.directory}-module`, 'slow.so');
  mkdirSync(path.dirname(module));
  compileLibrary(module, path.join(import.meta.dirname, 'slow-module.c'), { MODULE: place.token.module, SIGN_MS: signMs });
  const slow: IssuePlace = { ...place, token: { ...place.token, module } };
  const key = caKeys.find(({ name }) => name === 'P-256')!;
  const each = (whole: Summary, count: number): Summary => ({ minimum: whole.minimum / count, median: whole.median / count });
  const measured = await interleaveMeasures(rounds, {
    start: ourWorker(slow, key, 1, 1),
    ...Object.fromEntries(
      sessionCounts.flatMap((sessions) => {
        const few = { ...key, count: certificates[sessions] };
        return [
          [`raw ${String(sessions)}`, rawRate(slow, few, sessions)],
          [`ours ${String(sessions)}`, ourWorker(slow, key, sessions, few.count)],
        ];
      }),
    ),
  });
  const ours = (sessions: keyof typeof certificates) =>
    each(less(measured[`ours ${String(sessions)}`]!, measured['start']!), certificates[sessions] - 1);
  const raw = (sessions: keyof typeof certificates) => each(measured[`raw ${String(sessions)}`]!, certificates[sessions]);
  const name = (what: string) => `P-256, ${String(signMs)} ms a signature elsewhere, ms a certificate: ${what}`;
  return [
    compare(name('1 session / C_Sign alone'), nearRaw, ours(1), raw(1)),
    compare(name('4 sessions / C_Sign alone in 4'), 'none', ours(4), raw(4)),
    compare(name('16 sessions / C_Sign alone in 16'), 'none', ours(16), raw(16)),
    compare(name('4 sessions / 1 session'), scales, ours(4), ours(1)),
  ];
}
