import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

const weak: ReadonlySet<string> = new Set(['md5', 'sha1']);
/** Enough for a holiday: certmonger's own list begins at 28 days. */
const earliestDays = 7;

/** What certmonger.conf must not say (design rule 1), and what it should not. */
export const certmongerSettings: Check = {
  source: 'hsmonger.certmonger',
  name: 'CertmongerSettings',
  about: "certmonger's configuration makes no new keys, signs with a digest that counts and renews early enough.",
  run: ({ certmonger }) =>
    known(certmonger, ({ settings, confFile }) =>
      orFine(
        [...rekeying(settings, confFile), ...digest(settings, confFile), ...renewsLate(settings, confFile)],
        `${confFile} says nothing that harms renewals.`,
        confFile,
      ),
    ),
};

/** iterate.c:1416. */
function rekeying(settings: ReadonlyMap<string, string>, file: string): Finding[] {
  return ['max_key_lifetime', 'max_key_use_count'].flatMap((name): Finding[] => {
    const value = settings.get(name);
    return value === undefined || /^0*$/u.test(value)
      ? []
      : [
          {
            severity: 'critical',
            key: name,
            message: `${file} sets ${name} = ${value}, with which certmonger generates new keys at renewals.`,
            fix: `Remove ${name} from [defaults] there and restart certmonger.`,
          },
        ];
  });
}

function digest(settings: ReadonlyMap<string, string>, file: string): Finding[] {
  const value = settings.get('digest');
  return value === undefined || !weak.has(value.toLowerCase().replace('-', ''))
    ? []
    : [
        {
          severity: 'error',
          key: 'digest',
          message: `${file} sets digest = ${value}, with which certmonger signs requests that no CA accepts any more.`,
          fix: 'Remove digest from [defaults] there and restart certmonger.',
        },
      ];
}

function renewsLate(settings: ReadonlyMap<string, string>, file: string): Finding[] {
  const name = settings.has('enroll_ttls') ? 'enroll_ttls' : 'ttls';
  const value = settings.get(name);
  if (value === undefined) return [];
  const moments = value.split(',').map((item) => secondsOf(item.trim()));
  const first = Math.max(...moments.map((seconds) => seconds ?? 0));
  if (moments.includes(undefined))
    return [
      {
        severity: 'warning',
        key: name,
        message: `${file} sets ${name} = ${value}, of which certmonger cannot read every item.`,
        fix: 'Write times as numbers with s, m, h, d, w, M or y, separated by commas, and restart certmonger.',
      },
    ];
  if (first >= earliestDays * 86_400) return [];
  return [
    {
      severity: 'warning',
      key: name,
      message: `${file} sets ${name} = ${value}, so certmonger first renews ${String(Math.round(first / 8640) / 10)} days before a certificate ends.`,
      fix: `Begin ${name} with 28d, and restart certmonger.`,
    },
  ];
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, M: 2_592_000, y: 31_536_000, '': 1 };

/** '28d', '1y2M', '3600'; undefined for anything else (util-m.c, cm_submit_u_delta_from_string). */
function secondsOf(text: string): number | undefined {
  if (!/^(?:\d+[smhdwMy]?)+$/u.test(text)) return undefined;
  return [...text.matchAll(/(\d+)([smhdwMy]?)/gu)].reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0);
}
