import type { FileRole, FilesFacts, SeenFile } from '../../facts/files.js';
import type { Finding } from '../../finding.js';

export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** The files of these roles that are there, and those that are not. */
export function filesOf(facts: FilesFacts, ...roles: readonly FileRole['is'][]): readonly SeenFile[] {
  return facts.files.filter(({ role }) => roles.includes(role.is));
}

export function modeFinding(file: string, mode: number, wanted: number, why: string): Finding {
  return {
    severity: 'error',
    key: file,
    message: `${file} has mode ${octal(mode)}: ${why}.`,
    fix: `Run: chmod ${octal(wanted)} '${file}'.`,
    remedy: { kind: 'mode', file, mode: wanted },
  };
}

export function ownerFinding(
  file: string,
  uid: number,
  wanted: { readonly uid: number; readonly gid: number; readonly name: string },
): Finding {
  return {
    severity: 'error',
    key: file,
    message: `${file} belongs to uid ${String(uid)}, not to '${wanted.name}', who works with it.`,
    fix: `Run: chown ${wanted.name} '${file}'.`,
    remedy: { kind: 'owner', file, uid: wanted.uid, gid: wanted.gid },
  };
}
