import type { Account } from '../../../src/platform/service-user.js';
import { compare, summarise, type Comparison, type Summary } from '../row.js';
import { opensslCa, opensslX509, rawRate, type Measure } from './peers.js';
import { caKeys, makeIssuePlace, type CaKey, type IssuePlace } from './place.js';

const sessionCounts = [1, 2, 4] as const;

/** Certificates from requests, for each kind of CA key: what the module can do, what openssl makes of it. Milliseconds a certificate. */
export async function benchIssue(directory: string, user: Account, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  const place = await makeIssuePlace(directory, user);
  const comparisons: Comparison[] = [];
  for (const key of caKeys) comparisons.push(...(await benchKey(place, key, rounds, say)));
  return comparisons;
}

async function benchKey(place: IssuePlace, key: CaKey, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  const raw = sessionCounts.map((sessions) => [`raw ${String(sessions)}`, rawRate(place, key, sessions)] as const);
  const measured = await interleaveRates(rounds, Object.fromEntries([...raw, ['ca', opensslCa(place, key)], ['x509', opensslX509(place, key)]]));
  const of = (name: string) => measured[name]!;
  const name = (what: string) => `${key.name}, ms a certificate: ${what}`;
  for (const [subject, { median }] of Object.entries(measured)) say(`${key.name} ${subject}: ${(1000 / median).toFixed(0)} a second`);
  return [
    compare(name('2 sessions / 1, C_Sign alone'), 'none', of('raw 2'), of('raw 1')),
    compare(name('4 sessions / 1, C_Sign alone'), 'none', of('raw 4'), of('raw 1')),
    compare(name('openssl ca -infiles / C_Sign'), 'none', of('ca'), of('raw 1')),
    compare(name('openssl x509 -req each / C_Sign'), 'none', of('x509'), of('raw 1')),
  ];
}

/** As rounds.ts, for subjects that say themselves what they took: in turn, each round begun by another, the first round thrown away. */
async function interleaveRates(rounds: number, subjects: Readonly<Record<string, Measure>>): Promise<Record<string, Summary>> {
  const names = Object.keys(subjects);
  const samples = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!;
      const taken = await subjects[name]!();
      if (round > 0) samples.get(name)!.push(taken);
    }
  }
  return Object.fromEntries([...samples].map(([name, taken]) => [name, summarise(taken)]));
}
