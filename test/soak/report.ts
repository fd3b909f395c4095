import { X509Certificate } from 'node:crypto';
import Sqlite from 'better-sqlite3';
import type { Observed } from './observer.js';
import { readRequestFiles } from './request-files.js';
import type { SoakSite } from './soak-site.js';

/** Counts of one run; what must be empty at the end stands in `wrong`. */
export interface SoakReport extends Observed {
  readonly requests: number;
  readonly seed: number;
  readonly seconds: { readonly setUp: number; readonly faults: number; readonly rest: number };
  readonly faults: Readonly<Record<string, number>>;
  /** Renewals asked for besides those that were due. */
  readonly asked: number;
  /** By the ledger. */
  readonly issued: number;
  /** Events the agents told, by kind, and by kind and cause. */
  readonly events: Readonly<Record<string, number>>;
  readonly agentsStarted: number;
  /** At the token, by program: certmonger's children and ours. */
  readonly logins: Readonly<Record<string, { readonly all: number; readonly refused: number }>>;
  /** PIN flags, by `token list`. */
  readonly token: string;
  readonly wrong: Wrong;
}

export interface Wrong {
  readonly notResting: readonly string[];
  readonly notRenewed: readonly string[];
  readonly notValid: readonly string[];
  readonly keysChanged: readonly string[];
  readonly serialsTwice: readonly string[];
  /** Agents that ended without having been told to, and what they said last. */
  readonly agentsGone: readonly string[];
  /** Attempts of ours the token refused beyond one for each time the PIN was made wrong. */
  readonly pinTriedAgain: readonly string[];
}

export type Run = Pick<SoakReport, 'requests' | 'seed' | 'seconds' | 'faults' | 'asked' | 'events' | 'away' | 'memory'>;

/** Asks the witnesses; certmonger and the agent are ended for that. */
export async function reportOf(soaked: SoakSite, run: Run): Promise<SoakReport> {
  const { site, spied } = soaked;
  const now = Date.now();
  const renewed = renewedIn(soaked);
  const records = [...(await site.getcertRecords()).values()].map((record) => ({
    nickname: /nickname='([^']+)'/u.exec(record.get('certificate') ?? '')?.[1] ?? '',
    status: record.get('status') ?? '',
    expires: Date.parse(record.get('expires') ?? ''),
  }));
  const absent = site.authority.certificates
    .map(({ nickname }) => nickname)
    .filter((nickname) => !records.some((record) => record.nickname === nickname));
  const agentsGone = soaked.agentsGone();
  await soaked.quiet();
  const logins = tally(spied.logins());
  const present = await site.privateKeys();
  const { keys } = soaked;
  const made = (run.faults['PIN file wrong'] ?? 0) + (run.faults['PIN changed on the token'] ?? 0);
  const refused = logins['node']?.refused ?? 0;
  const ledger = new Sqlite(site.ledger, { readonly: true });
  try {
    return {
      ...run,
      issued: (ledger.prepare('SELECT count(*) AS n FROM issued').get() as { n: number }).n,
      agentsStarted: soaked.agentsStarted(),
      logins,
      token: (await site.cli('token', 'list')).stdout.split('\n').find((line) => line.includes(site.token.label)) ?? '',
      wrong: {
        notResting: [
          ...absent.map((nickname) => `${nickname} (not tracked)`),
          ...records.filter(({ status }) => status !== 'MONITORING').map(({ nickname, status }) => `${nickname} (${status})`),
        ],
        notRenewed: records.filter(({ nickname, expires }) => !renewed(nickname, expires)).map(({ nickname }) => nickname),
        notValid: records.filter(({ expires }) => !(expires > now)).map(({ nickname }) => nickname),
        keysChanged: [...keys.filter((key) => !present.includes(key)), ...present.filter((key) => !keys.includes(key))],
        serialsTwice: (ledger.prepare('SELECT serial FROM issued GROUP BY serial HAVING count(*) > 1').all() as { serial: string }[]).map(
          ({ serial }) => serial,
        ),
        agentsGone,
        pinTriedAgain: refused > made ? [`${String(refused)} attempts refused, ${String(made)} PINs made wrong`] : [],
      },
    };
  } finally {
    ledger.close();
  }
}

/** Whether a run ended as it must. */
export function wentWell({ wrong }: SoakReport): boolean {
  return Object.values(wrong).every((list: readonly string[]) => list.length === 0);
}

/** Whoever is not at rest with a newer certificate than at the beginning, by certmonger's own files. */
export function inTrouble(soaked: SoakSite): string[] {
  const { certmonger, authority } = soaked.site;
  const files = new Map(readRequestFiles(certmonger.requestsDirectory).map((file) => [file.nickname, file]));
  const renewed = renewedIn(soaked);
  return authority.certificates.flatMap(({ nickname }) => {
    const file = files.get(nickname);
    if (file?.state === 'MONITORING' && renewed(nickname, file.notAfter.getTime())) return [];
    return [
      `${nickname} (${file?.state ?? 'not tracked'}${file !== undefined && renewed(nickname, file.notAfter.getTime()) ? '' : ', not renewed'})`,
    ];
  });
}

function renewedIn({ site: { authority } }: SoakSite): (nickname: string, expires: number) => boolean {
  const before = new Map(authority.certificates.map(({ nickname, pem }) => [nickname, Date.parse(new X509Certificate(pem).validTo)]));
  return (nickname, expires) => expires > (before.get(nickname) ?? Infinity);
}

function tally(
  logins: readonly { readonly program: string; readonly refused: boolean }[],
): Record<string, { all: number; refused: number }> {
  const counts: Record<string, { all: number; refused: number }> = {};
  for (const { program, refused } of logins) {
    const count = (counts[program] ??= { all: 0, refused: 0 });
    count.all += 1;
    if (refused) count.refused += 1;
  }
  return counts;
}
