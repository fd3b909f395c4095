import { setTimeout as sleep } from 'node:timers/promises';
import { getcert } from '../rig/certmonger.js';
import { daemonFaults } from './daemon-faults.js';
import { pick, seeded } from './dice.js';
import type { Fault } from './fault.js';
import { listenTo } from './listener.js';
import { observe } from './observer.js';
import { inTrouble, reportOf, type SoakReport } from './report.js';
import { startSoakSite, type SoakSite } from './soak-site.js';
import { storeFaults } from './store-faults.js';
import { tokenFaults } from './token-faults.js';

export interface SoakOptions {
  readonly requests: number;
  /** Minutes during which faults come; what it takes to come to rest afterwards is added. */
  readonly minutes: number;
  /** Minutes it may take to come to rest. */
  readonly patienceMinutes: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
  /** Given what agents and certmonger said, when the run has ended or failed. */
  readonly keepLogs?: (logs: { readonly agent: string; readonly certmonger: string }) => void;
}

/** Many requests under random faults: in the end every certificate is valid and renewed, and every key is where it was. */
export async function soak({ requests, minutes, patienceMinutes, seed, tell, keepLogs }: SoakOptions): Promise<SoakReport> {
  const random = seeded(seed);
  tell(`making ${String(requests)} certificates on a token, and tracking them (seed ${String(seed)})`);
  const made = Date.now();
  const soaked = await startSoakSite(requests);
  tell(`made and tracked in ${String(secondsSince(made))} s`);
  const began = Date.now();
  const say = (line: string) => {
    tell(`${clock(began)} ${line}`);
  };
  const listener = await listenTo(soaked.site.bus.address);
  const observer = observe(soaked);
  try {
    const { faults, asked } = await storm(soaked, { until: began + minutes * 60_000, random, say });
    say('no more faults; waiting for rest');
    const rest = Date.now();
    await untilRest(soaked, rest + patienceMinutes * 60_000, say);
    const seconds = { setUp: Math.round((began - made) / 1000), faults: Math.round((rest - began) / 1000), rest: secondsSince(rest) };
    await observer.stop();
    return await reportOf(soaked, { requests, seed, seconds, faults, asked, events: listener.counts(), ...observer.observed() });
  } finally {
    keepLogs?.({ agent: soaked.log(), certmonger: soaked.site.certmonger.log() });
    await observer.stop();
    await listener.stop();
    await soaked.stop();
  }
}

function secondsSince(then: number): number {
  return Math.round((Date.now() - then) / 1000);
}

function clock(began: number): string {
  const seconds = secondsSince(began);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Fault after fault, every fourth time two at once, and renewals asked for in between. */
async function storm(
  soaked: SoakSite,
  { until, random, say }: { readonly until: number; readonly random: () => number; readonly say: (line: string) => void },
): Promise<Pick<SoakReport, 'faults' | 'asked'>> {
  const all = [...tokenFaults(soaked), ...storeFaults(soaked), ...daemonFaults(soaked, random)];
  const counts: Record<string, number> = Object.fromEntries(all.map(({ name }) => [name, 0]));
  let asked = 0;
  while (Date.now() < until) {
    await sleep(2000 + random() * 10_000);
    const now = someOf(all, random);
    const seconds = Math.round(3 + random() * 35);
    say(`${now.map(({ name }) => name).join(' and ')}${now.some(({ end }) => end !== undefined) ? ` for ${String(seconds)} s` : ''}`);
    for (const { name, begin } of now) {
      counts[name] = (counts[name] ?? 0) + 1;
      await begin();
    }
    if (now.some(({ end }) => end !== undefined)) await sleep(seconds * 1000);
    for (const { end } of [...now].reverse()) await end?.();
    asked += await askSome(soaked, random);
  }
  return { faults: counts, asked };
}

function someOf(all: readonly Fault[], random: () => number): Fault[] {
  const first = pick(random, all);
  if (first === undefined) return [];
  const second =
    random() < 0.25
      ? pick(
          random,
          all.filter(({ touches }) => !touches.some((piece) => first.touches.includes(piece))),
        )
      : undefined;
  return second === undefined ? [first] : [first, second];
}

/** A few renewals that are not due, so that there is work to the end. certmonger may be anywhere: what it refuses is not asked. */
async function askSome({ site }: SoakSite, random: () => number): Promise<number> {
  let asked = 0;
  for (let left = 3; left > 0; left -= 1) {
    const one = pick(random, site.authority.certificates);
    if (one === undefined) continue;
    const { exitCode } = await getcert(site.bus, ['resubmit', '-i', `hsmonger.${one.nickname}`], [0, 1]).catch(() => ({ exitCode: 1 }));
    if (exitCode === 0) asked += 1;
  }
  return asked;
}

async function untilRest(soaked: SoakSite, end: number, say: (line: string) => void): Promise<void> {
  for (let told = 0; ; await sleep(3000)) {
    const left = inTrouble(soaked);
    if (left.length === 0 || Date.now() > end) return;
    if (Date.now() - told < 30_000) continue;
    told = Date.now();
    say(`${String(left.length)} not at rest or not renewed: ${left.slice(0, 3).join(', ')}${left.length > 3 ? ', …' : ''}`);
  }
}
