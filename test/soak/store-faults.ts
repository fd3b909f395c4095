import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Fault } from './fault.js';
import type { SoakSite } from './soak-site.js';

/** Of what is written to, and of the helper's file. */
export function storeFaults({ site: { nss, owner, stateDir, certmonger }, executables }: SoakSite): Fault[] {
  const helper = path.join(executables, 'hsmonger-submit');
  const ofDatabase = () =>
    ['cert9.db', 'key4.db', 'pkcs11.txt']
      .map((name) => path.join(nss.database, name))
      .filter((file) => statSync(file, { throwIfNoEntry: false }) !== undefined);
  const filler = path.join(stateDir, 'filler');
  let locked: Sqlite.Database | undefined;
  return [
    {
      name: 'NSS database not writable',
      touches: ['NSS database'],
      begin: () => {
        for (const file of [nss.database, ...ofDatabase()]) chownSync(file, 0, 0);
        chmodSync(nss.database, 0o755);
      },
      end: () => {
        for (const file of [nss.database, ...ofDatabase()]) chownSync(file, owner.uid, owner.gid);
        chmodSync(nss.database, 0o700);
      },
    },
    {
      name: 'NSS database locked by another process',
      touches: ['NSS database'],
      begin: () => {
        locked = new Sqlite(path.join(nss.database, 'cert9.db'), { timeout: 20_000 });
        locked.exec('BEGIN EXCLUSIVE');
      },
      end: () => {
        locked?.close();
      },
    },
    {
      name: 'helper not executable',
      touches: ['helper'],
      begin: () => {
        chmodSync(helper, 0o644);
      },
      end: () => {
        chmodSync(helper, 0o755);
      },
    },
    {
      name: 'state directory full',
      touches: ['state'],
      begin: () => {
        fill(filler);
      },
      end: () => {
        rmSync(filler, { force: true });
      },
    },
    {
      name: "certmonger's requests read-only",
      touches: ['certmonger'],
      begin: () => {
        execFileSync('mount', ['--bind', certmonger.requestsDirectory, certmonger.requestsDirectory]);
        execFileSync('mount', ['-o', 'remount,bind,ro', certmonger.requestsDirectory]);
      },
      end: () => {
        execFileSync('umount', ['--lazy', certmonger.requestsDirectory]);
      },
    },
  ];
}

/** Until not a byte more goes in. */
function fill(file: string): void {
  const out = openSync(file, 'w');
  try {
    for (const size of [1 << 20, 1 << 12]) while (wrote(out, size));
  } finally {
    closeSync(out);
  }
}

function wrote(file: number, size: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(size)) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
