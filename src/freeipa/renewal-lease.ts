/** Who holds FreeIPA's renewal lock. */
export interface Lease {
  /** FreeIPA compares it when the lock is given back; by default `<program>[<pid>]`. */
  readonly owner: string;
  /** From then on anybody may take the lock. */
  readonly expires: Date;
  /** Ours alone: which process it is (process-mark.ts), so that one that died is known to be dead. FreeIPA reads three keys and no more. */
  readonly mark?: string;
}

const truths = new Set(['1', 'yes', 'true', 'on']);

/**
 * What the lock file says, as Python's ConfigParser reads it; undefined for unlocked, and for everything that is no lock file: an
 * owner or an end that is missing or not to be read means unlocked there too, while other damage makes FreeIPA's own class fail.
 */
export function readLease(content: string): Lease | undefined {
  const keys = lockSection(content);
  const [owner, expires] = [keys.get('owner'), readTime(keys.get('expire') ?? '')];
  if (!truths.has((keys.get('locked') ?? '').toLowerCase()) || owner === undefined || expires === undefined) return undefined;
  const mark = keys.get('process');
  return { owner, expires, ...(mark === undefined ? {} : { mark }) };
}

function lockSection(content: string): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  let inside = false;
  for (const line of content.split(/\r?\n/u)) {
    const section = /^\[(?<name>[^\]]+)\]/u.exec(line)?.groups?.['name'];
    if (section !== undefined) inside = section === 'lock';
    const { key, value } = /^(?<key>[^\s#;[=:][^=:]*?)\s*[=:]\s*(?<value>.*?)\s*$/u.exec(line)?.groups ?? {};
    if (inside && key !== undefined && value !== undefined) keys.set(key.toLowerCase(), value);
  }
  return keys;
}

/** Python's %Y%m%d%H%M%S%f, UTC: up to six digits of a second's fraction. */
function readTime(text: string): Date | undefined {
  const digits = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{1,6})$/u.exec(text);
  if (digits === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = ''] = digits;
  const time = new Date(
    `${year ?? ''}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}.${fraction.padEnd(6, '0').slice(0, 3)}Z`,
  );
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** The file's content as ConfigParser writes it, with one key more; undefined is unlocked. */
export function writeLease(lease: Lease | undefined): string {
  if (lease === undefined) return '[lock]\nlocked = 0\n\n';
  const expire = `${lease.expires.toISOString().replace(/[^\d]/gu, '')}000`;
  return `[lock]\nlocked = 1\nowner = ${lease.owner}\nexpire = ${expire}\n${lease.mark === undefined ? '' : `process = ${lease.mark}\n`}\n`;
}
