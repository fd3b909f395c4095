import type { OwnUse } from '../../pkcs11/own-uses.js';
import type { KeyProtection, TokenKey } from '../../pkcs11/token.js';
import type { TokenCheck } from '../../service/tasks/token/check-keys.js';
import { certmongerMechanisms, type NeededMechanism } from '../../tracking/certmonger-mechanisms.js';
import { columns, type Cell } from '../output.js';

/** What `token check` tells. */
interface CheckReport {
  readonly keys: readonly CheckEntry[];
  /** What hsmonger can do with this token, by what the token says. */
  readonly hsmonger: readonly OwnUse[];
  /** What certmonger needs of this token. */
  readonly certmonger: readonly NeededMechanism[];
}

interface CheckEntry extends Pick<TokenKey, 'label' | 'type' | 'size' | 'sensitive' | 'extractable'>, Partial<KeyProtection> {
  /** CKA_ID, hexadecimal. */
  readonly id: string;
  readonly ok: boolean;
  readonly mechanism?: string;
  /** Milliseconds, of one signature: the median, and the fastest. */
  readonly latencyMs?: number;
  readonly fastestMs?: number;
  readonly problem?: string;
}

export function checkReport({ keys, mechanisms, uses }: TokenCheck): CheckReport {
  return {
    keys: keys.map(({ key, ok, mechanism, latencyMs, fastestMs, problem }) => ({
      label: key.label,
      id: Buffer.from(key.id).toString('hex'),
      type: key.type,
      size: key.size,
      sensitive: key.sensitive,
      extractable: key.extractable,
      ...key.protection,
      ok,
      ...(mechanism === undefined ? {} : { mechanism }),
      ...(latencyMs === undefined ? {} : { latencyMs: tenths(latencyMs) }),
      ...(fastestMs === undefined ? {} : { fastestMs: tenths(fastestMs) }),
      ...(problem === undefined ? {} : { problem }),
    })),
    hsmonger: uses,
    certmonger: certmongerMechanisms(
      mechanisms,
      keys.map(({ key }) => key.type),
    ),
  };
}

export function checkTables({ keys, hsmonger, certmonger }: CheckReport, colour: boolean): string {
  const ofKeys = columns(
    ['LABEL', 'ID', 'TYPE', 'RESULT', 'MECHANISM', 'LATENCY', 'FASTEST', 'PROTECTION', 'PROBLEM'],
    keys.map((entry) => [
      { text: entry.label === '' ? '-' : entry.label },
      { text: entry.id },
      { text: `${entry.type} ${String(entry.size)}` },
      entry.ok ? { text: 'ok', style: 'green' } : { text: 'FAILED', style: 'red' },
      { text: entry.mechanism ?? '-' },
      { text: milliseconds(entry.latencyMs) },
      { text: milliseconds(entry.fastestMs) },
      protection(entry),
      { text: entry.problem ?? '', style: 'red' },
    ]),
    colour,
  );
  const ofUses = columns(
    ['HSMONGER CAN', 'ANSWER', 'MECHANISM'],
    hsmonger.map((use) => [{ text: use.use }, extent(use), { text: use.mechanisms.join(', ') }]),
    colour,
  );
  const ofMechanisms = columns(
    ['MECHANISM', 'LISTED', 'WHAT FOR'],
    certmonger.map(({ name, listed, why }) => [
      { text: name },
      listed ? { text: 'yes', style: 'green' } : { text: 'NO', style: 'yellow' },
      { text: why },
    ]),
    colour,
  );
  return [ofKeys, ofUses, ofMechanisms].filter((table) => table !== '').join('\n');
}

function extent({ wanted, possible }: OwnUse): Cell {
  if (possible.length === wanted.length) return { text: 'yes', style: 'green' };
  return { text: possible.length === 0 ? 'NO' : `only ${possible.join(', ')}`, style: 'yellow' };
}

/** What is amiss, in a word each; a token that does not say whether a key was ever otherwise is not blamed for it. */
function protection({ sensitive, extractable, private: hidden, alwaysSensitive, neverExtractable }: CheckEntry): Cell {
  const amiss = [
    ...(sensitive ? [] : ['NOT sensitive']),
    ...(extractable ? ['EXTRACTABLE'] : []),
    ...(hidden === false ? ['seen without a login'] : []),
    ...(sensitive && alwaysSensitive === false ? ['came from outside or was not always sensitive'] : []),
    ...(!extractable && neverExtractable === false ? ['was extractable once, or came from outside'] : []),
  ];
  return amiss.length === 0 ? { text: 'full' } : { text: amiss.join(', '), style: 'yellow' };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(1)} ms`;
}
