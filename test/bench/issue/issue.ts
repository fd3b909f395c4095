import type { Account } from '../../../src/platform/service-user.js';
import { compare, less, type Comparison, type Summary } from '../row.js';
import { ourCommand, ourWorker } from './ours.js';
import { interleaveMeasures, type Measure } from './in-turn.js';
import { benchNetworkHsm } from './network-hsm.js';
import { opensslCa, opensslX509, processes, rawRate } from './peers.js';
import { caKeys, makeIssuePlace, type CaKey, type IssuePlace } from './place.js';
import { benchStartUp } from './start-up.js';

const sessionCounts = [1, 2, 4] as const;
/** As many requests as it takes to start up, and no more. */
const few = 1;
/** 85 % of the rate of the module alone. */
const nearRaw = { atMost: 1 / 0.85 };

/**
 * Certificates from requests, for each kind of CA key: what the module can do, what we make of it, and openssl. Milliseconds a certificate;
 * of ours and of `openssl ca` start-up is taken off: what a run with one request takes. The commands as they are typed stand beside each
 * other whole.
 */
export async function benchIssue(directory: string, user: Account, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  say('making keys and requests');
  const place = await makeIssuePlace(directory, user);
  const comparisons: Comparison[] = [];
  for (const key of caKeys) comparisons.push(...(await benchKey(place, key, rounds, say)));
  comparisons.push(...(await benchNetworkHsm(place, rounds)));
  return [...comparisons, ...(await benchStartUp(place, rounds, say))];
}

async function benchKey(place: IssuePlace, key: CaKey, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  const perSession = (name: string, measure: (sessions: 1 | 2 | 4) => Measure) =>
    Object.fromEntries(sessionCounts.map((sessions) => [`${name} ${String(sessions)}`, measure(sessions)]));
  const measured = await interleaveMeasures(rounds, {
    ...perSession('raw', (sessions) => rawRate(place, key, sessions)),
    ...perSession('ours', (sessions) => ourWorker(place, key, sessions, key.count)),
    'our start': ourWorker(place, key, 1, few),
    'our command': ourCommand(place, key, 1),
    'openssl ca': opensslCa(place, key, key.count),
    'its start': opensslCa(place, key, few),
    'openssl x509': opensslX509(place, key),
  });
  const each = (whole: Summary, count: number): Summary => ({ minimum: whole.minimum / count, median: whole.median / count });
  const raw = (sessions: number) => each(measured[`raw ${String(sessions)}`]!, key.count);
  const started = (name: string, start: string) => each(less(measured[name]!, measured[start]!), key.count - few);
  const ours = (sessions: number) => started(`ours ${String(sessions)}`, 'our start');
  const openssl = started('openssl ca', 'its start');
  const x509 = each(measured['openssl x509']!, processes);
  const whole = (name: string) => each(measured[name]!, key.count);
  const name = (what: string) => `${key.name}, ms a certificate: ${what}`;
  const rates = {
    ...Object.fromEntries(
      sessionCounts.flatMap((sessions) => [
        [`C_Sign alone, ${String(sessions)} sessions`, raw(sessions)],
        [`ours, ${String(sessions)} sessions`, ours(sessions)],
      ]),
    ),
    'openssl ca': openssl,
    'openssl x509': x509,
    'hsmonger ca issue, whole': whole('our command'),
    'openssl ca, whole': whole('openssl ca'),
  };
  for (const [subject, { median }] of Object.entries(rates)) say(`${key.name} ${subject}: ${(1000 / median).toFixed(0)} a second`);
  return [
    compare(name('1 session / C_Sign alone'), key.name === 'P-256' ? 'none' : nearRaw, ours(1), raw(1)),
    compare(name('1 session / openssl ca -infiles'), { atMost: 1 }, ours(1), openssl),
    compare(name('hsmonger ca issue / openssl ca, both whole'), 'none', whole('our command'), whole('openssl ca')),
    compare(name('1 session / openssl x509 -req each'), 'none', ours(1), x509),
    compare(name('2 sessions / C_Sign alone in 2'), 'none', ours(2), raw(2)),
    compare(name('4 sessions / C_Sign alone in 4'), 'none', ours(4), raw(4)),
    compare(name('C_Sign alone, 2 sessions / 1'), 'none', raw(2), raw(1)),
    compare(name('C_Sign alone, 4 sessions / 1'), 'none', raw(4), raw(1)),
    compare(name('openssl ca -infiles / C_Sign alone'), 'none', openssl, raw(1)),
  ];
}
