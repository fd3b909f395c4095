import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A request as certmonger last wrote it down: to look costs certmonger nothing, and is possible while it does not run. */
export interface RequestFile {
  readonly nickname: string;
  readonly state: string;
  /** Of the certificate it holds. */
  readonly notAfter: Date;
}

/** Those that are whole at this moment. */
export function readRequestFiles(directory: string): RequestFile[] {
  return readdirSync(directory).flatMap((name) => {
    const file = read(path.join(directory, name));
    const field = (key: string) => new RegExp(`^${key}=(.*)$`, 'mu').exec(file)?.[1];
    const [nickname, state, time] = [
      field('cert_nickname'),
      field('state'),
      /^(....)(..)(..)(..)(..)(..)$/u.exec(field('cert_not_after') ?? ''),
    ];
    if (nickname === undefined || state === undefined || time === null) return [];
    const [year, month, day, hours, minutes, seconds] = time.slice(1).map(Number) as [number, number, number, number, number, number];
    return [{ nickname, state, notAfter: new Date(Date.UTC(year, month - 1, day, hours, minutes, seconds)) }];
  });
}

/** '' for one that certmonger has just replaced. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
