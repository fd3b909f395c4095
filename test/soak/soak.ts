import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { connectAgent } from '../../dbus/agent/client.js';
import { getcert } from '../rig/certmonger.js';
import { faultsOf } from './faults.js';
import { seeded, startSoakSite, type SoakSite } from './soak-site.js';

export interface SoakOptions {
  readonly requests: number;
  /** Minutes during which faults come; what it takes to come to rest afterwards is added. */
  readonly minutes: number;
  /** Minutes it may take to come to rest. */
  readonly patienceMinutes: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}

/** Counts of one run; what must be 0 at the end says so. */
export interface SoakReport {
  readonly requests: number;
  readonly seed: number;
  readonly seconds: { readonly faults: number; readonly rest: number };
  readonly faults: Readonly<Record<string, number>>;
  /** Renewals asked for besides those that were due. */
  readonly asked: number;
  /** By the ledger. */
  readonly issued: number;
  /** Events the agents told, by kind. */
  readonly events: Readonly<Record<string, number>>;
  /** Each must be empty. */
  readonly notResting: readonly string[];
  readonly notRenewed: readonly string[];
  readonly notValid: readonly string[];
  readonly keysChanged: readonly string[];
  readonly serialsTwice: readonly string[];
  /** PIN attempts the token refused, by its flags at the end: none may be left. */
  readonly pinFlags: string;
}

/** Many requests under random faults: in the end every certificate is valid and renewed, and every key is where it was. */
export async function soak({ requests, minutes, patienceMinutes, seed, tell }: SoakOptions): Promise<SoakReport> {
  const random = seeded(seed);
  tell(`making ${String(requests)} certificates on a token, and tracking them`);
  const soaked = await startSoakSite(requests);
  const { site } = soaked;
  const events: Record<string, number> = {};
  const listening = await connectAgent(site.bus.address, {});
  await listening.onEvent(({ kind }) => { events[kind] = (events[kind] ?? 0) + 1; });
  try {
    const keys = await site.privateKeys();
    const faults = faultsOf(soaked);
    const counts: Record<string, number> = {};
    let asked = 0;
    const began = Date.now();
    const until = began + minutes * 60_000;
    while (Date.now() < until) {
      await sleep(2000 + random() * 10_000);
      const fault = faults[Math.floor(random() * faults.length)];
      if (fault === undefined) continue;
      counts[fault.name] = (counts[fault.name] ?? 0) + 1;
      const seconds = Math.round(3 + random() * 35);
      tell(`${clock(began)} ${fault.name}${fault.sudden === true ? '' : ` for ${String(seconds)} s`}`);
      await fault.begin();
      if (fault.sudden !== true) await sleep(seconds * 1000);
      await fault.end();
      asked += await askSome(soaked, random);
    }
    tell(`${clock(began)} no more faults; waiting for rest`);
    const rest = Date.now();
    await untilRest(soaked, rest + patienceMinutes * 60_000, (left) => { tell(`${clock(began)} ${String(left)} not at rest or not renewed`); });
    return await report(soaked, { requests, events, seed, faults: counts, asked, keys, seconds: { faults: Math.round((rest - began) / 1000), rest: Math.round((Date.now() - rest) / 1000) } });
  } finally {
    listening.disconnect();
    await soaked.stop();
  }
}

function clock(began: number): string {
  const seconds = Math.round((Date.now() - began) / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

/** A few renewals that are not due, so that there is work to the end. certmonger may be anywhere: what it refuses is not asked. */
async function askSome({ site }: SoakSite, random: () => number): Promise<number> {
  const { certificates } = site.authority;
  let asked = 0;
  for (let left = 3; left > 0; left -= 1) {
    const one = certificates[Math.floor(random() * certificates.length)];
    if (one === undefined) continue;
    const { exitCode } = await getcert(site.bus, ['resubmit', '-i', `hsmonger.${one.nickname}`], [0, 1]).catch(() => ({ exitCode: 1 }));
    if (exitCode === 0) asked += 1;
  }
  return asked;
}

interface TrackedNow {
  readonly nickname: string;
  readonly status: string;
  readonly expires: number;
}

async function recordsOf({ site }: SoakSite): Promise<TrackedNow[]> {
  return [...(await site.getcertRecords()).values()].map((record) => ({
    nickname: /nickname='([^']+)'/u.exec(record.get('certificate') ?? '')?.[1] ?? '',
    status: record.get('status') ?? '',
    expires: Date.parse(record.get('expires') ?? ''),
  }));
}

async function unrested(soaked: SoakSite): Promise<string[]> {
  const records = new Map((await recordsOf(soaked)).map((record) => [record.nickname, record]));
  return soaked.site.authority.certificates.flatMap(({ nickname, pem }) => {
    const record = records.get(nickname);
    const renewed = record !== undefined && record.expires > Date.parse(new X509Certificate(pem).validTo);
    return record?.status === 'MONITORING' && renewed ? [] : [`${nickname} (${record?.status ?? 'not tracked'}${renewed ? '' : ', not renewed'})`];
  });
}

async function untilRest(soaked: SoakSite, end: number, tell: (left: number) => void): Promise<void> {
  for (;;) {
    const left = await unrested(soaked).catch(() => ['certmonger does not answer']);
    if (left.length === 0 || Date.now() > end) return;
    tell(left.length);
    await sleep(15_000);
  }
}

async function report(soaked: SoakSite, run: Pick<SoakReport, 'requests' | 'seed' | 'faults' | 'asked' | 'events' | 'seconds'> & { readonly keys: readonly string[] }): Promise<SoakReport> {
  const { site } = soaked;
  const { keys, ...rest } = run;
  const now = Date.now();
  const records = await recordsOf(soaked);
  const notResting = (await unrested(soaked)).filter((text) => !text.endsWith('not renewed)') || !text.includes('MONITORING'));
  const present = await site.privateKeys();
  const ledger = new Sqlite(site.ledger, { readonly: true });
  try {
    return {
      ...rest,
      issued: (ledger.prepare('SELECT count(*) AS n FROM issued').get() as { n: number }).n,
      notResting,
      notRenewed: (await unrested(soaked)).filter((text) => text.includes('not renewed')),
      notValid: records.filter(({ expires }) => !(expires > now)).map(({ nickname }) => nickname),
      keysChanged: [...keys.filter((key) => !present.includes(key)), ...present.filter((key) => !keys.includes(key))],
      serialsTwice: (ledger.prepare('SELECT serial FROM issued GROUP BY serial HAVING count(*) > 1').all() as { serial: string }[]).map(({ serial }) => serial),
      pinFlags: (await site.cli('token', 'list')).stdout.split('\n').find((line) => line.includes(site.token.label)) ?? '',
    };
  } finally {
    ledger.close();
  }
}

/** Whether a run ended as it must. */
export function wentWell({ notResting, notRenewed, notValid, keysChanged, serialsTwice }: SoakReport): boolean {
  return [notResting, notRenewed, notValid, keysChanged, serialsTwice].every(({ length }) => length === 0);
}
