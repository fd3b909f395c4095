import type { Check } from '../../check.js';
import type { SeenFile } from '../../facts/files.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { filesOf, modeFinding } from './words.js';

/** Made when it is first wanted, so none is no fault (freeipa/renewal-lock.ts). */
export const renewalLockSafe: Check = {
  source: 'hsmonger.files',
  name: 'RenewalLockSafe',
  about: "FreeIPA's renewal lock, where there is one, is a plain file of root's that nobody else can write.",
  run: ({ files }) =>
    known(files, (facts) =>
      orFine(filesOf(facts, 'renewal lock').flatMap(faults), "FreeIPA's renewal lock can be held, or is not wanted."),
    ),
};

function faults({ file, stat }: SeenFile): Finding[] {
  if (stat === undefined) return [];
  const why = stat.kind !== 'file' ? 'is no plain file' : stat.uid !== 0 ? `belongs to uid ${String(stat.uid)}` : undefined;
  if (why !== undefined)
    return [
      {
        severity: 'critical',
        key: file,
        message: `FreeIPA's renewal lock ${file} ${why}, so no renewed certificate can be saved.`,
        fix: `Find out who made it, then move it away: mv '${file}' '${file}.old'.`,
      },
    ];
  return (stat.mode & 0o022) === 0
    ? []
    : [modeFinding(file, stat.mode, stat.mode & ~0o022, 'others than root can keep every renewal from being saved')];
}
