import type { Check } from '../../check.js';
import type { SeenFile } from '../../facts/files.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { filesOf, modeFinding } from './words.js';

export const certificateFiles: Check = {
  source: 'hsmonger.files',
  name: 'CertificateFiles',
  about: 'Certificates and keys in files have the owner and mode the instance file gives them, and no key is readable by everybody.',
  run: ({ files }) =>
    known(files, (facts) =>
      orFine(
        filesOf(facts, 'certificate', 'key').flatMap(faults),
        'Certificates and keys in files have the right owners and modes, or there are none.',
      ),
    ),
};

function faults({ file, role, stat }: SeenFile): Finding[] {
  if (role.is !== 'certificate' && role.is !== 'key') return [];
  if (stat === undefined)
    return [
      {
        severity: 'error',
        key: file,
        message: `The ${role.is} file ${file} of '${role.nickname}' is not there.`,
        fix: 'Correct certificate-file and key-file in the instance file, or restore the file.',
      },
    ];
  return [...ownership(file, role, stat), ...modes(file, role, stat)];
}

function ownership(
  file: string,
  { owner, nickname }: Extract<SeenFile['role'], { is: 'certificate' | 'key' }>,
  { uid, gid }: NonNullable<SeenFile['stat']>,
): Finding[] {
  // That this machine does not know the owner, tracking says.
  if (owner?.uid === undefined || ('gid' in owner && owner.gid === undefined)) return [];
  if (owner.uid === uid && (owner.gid === undefined || owner.gid === gid)) return [];
  return [
    {
      severity: 'error',
      key: file,
      message: `${file} of '${nickname}' belongs to ${String(uid)}:${String(gid)}, not to ${owner.text} as the instance file says.`,
      fix: `Run: chown ${owner.text} '${file}'.`,
      remedy: { kind: 'owner', file, uid: owner.uid, gid: owner.gid ?? gid },
    },
  ];
}

function modes(
  file: string,
  { is, mode: wanted }: Extract<SeenFile['role'], { is: 'certificate' | 'key' }>,
  { mode }: NonNullable<SeenFile['stat']>,
): Finding[] {
  if (wanted !== undefined) return wanted === mode ? [] : [modeFinding(file, mode, wanted, 'the instance file gives it another')];
  return is === 'key' && (mode & 0o007) !== 0 ? [modeFinding(file, mode, mode & ~0o007, 'everybody can read the key in it')] : [];
}
