import { isVariant } from './wire.js';

/**
 * A GetAll answer read defensively: certmonger leaves unset values out, or sends '' or 0 for them, and its versions differ in what
 * they have. Whatever is missing or of another type counts as unset.
 */
export interface Properties {
  readonly text: (name: string) => string | undefined;
  readonly flag: (name: string) => boolean | undefined;
  /** int64, BigInt on the wire; 0 is a number here. */
  readonly count: (name: string) => number | undefined;
  /** Seconds since 1970; 0 counts as unset. */
  readonly date: (name: string) => Date | undefined;
  readonly list: (name: string) => readonly string[];
  /** a(ss) of nickname and PEM. */
  readonly certificates: (name: string) => readonly NamedCertificate[];
}

export interface NamedCertificate {
  readonly nickname: string;
  readonly pem: string;
}

/** Over the `a{sv}` of a GetAll body. */
export function propertiesOf(dictionary: unknown): Properties {
  const values = new Map(Object.entries(typeof dictionary === 'object' && dictionary !== null ? dictionary : {}));
  const valueOf = (name: string): unknown => {
    const found: unknown = values.get(name);
    return isVariant(found) ? found.value : undefined;
  };
  const count = (name: string) => {
    const value = valueOf(name);
    return typeof value === 'bigint' || typeof value === 'number' ? Number(value) : undefined;
  };
  return {
    text: (name) => {
      const value = valueOf(name);
      return typeof value === 'string' && value !== '' ? value : undefined;
    },
    flag: (name) => {
      const value = valueOf(name);
      return typeof value === 'boolean' ? value : undefined;
    },
    count,
    date: (name) => {
      const seconds = count(name) ?? 0;
      return seconds === 0 ? undefined : new Date(seconds * 1000);
    },
    list: (name) => asArray(valueOf(name)).filter((each) => typeof each === 'string'),
    certificates: (name) => asArray(valueOf(name)).flatMap(asNamedCertificate),
  };
}

/** PEM with plain line ends: certmonger's change from \n to \r\n between two readings. */
export function plainPem(pem: string): string {
  return `${pem.replace(/\r/gu, '').trim()}\n`;
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function asNamedCertificate(pair: unknown): NamedCertificate[] {
  const [nickname, pem] = asArray(pair);
  return typeof nickname === 'string' && typeof pem === 'string' ? [{ nickname, pem: plainPem(pem) }] : [];
}
