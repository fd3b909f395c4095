import type { Check } from '../../check.js';
import type { Disk } from '../../facts/host.js';
import type { Finding } from '../../finding.js';
import { orFine } from '../../known.js';

const mebibyte = 1024 * 1024;
/** A renewal writes some hundred KiB; a file system with less left than this is about to have nothing. */
const low = { bytes: 64 * mebibyte, inodes: 1000 };
const out = { bytes: 4 * mebibyte, inodes: 50 };

export const diskSpace: Check = {
  source: 'hsmonger.host',
  name: 'DiskSpace',
  about: 'There is room where renewals write: state, NSS database, certmonger, /run.',
  run: ({ host }) => {
    if (!host.known)
      return [
        {
          severity: 'warning',
          key: 'disks',
          message: `How much room there is could not be asked: ${host.why}`,
          fix: 'Look with df and df -i at the file systems of /var/lib/hsmonger, of the NSS database and of /var/lib/certmonger.',
        },
      ];
    return orFine(host.value.disks.flatMap(judge), 'There is room where renewals write.');
  },
};

function judge({ of, directory, freeBytes, totalBytes, freeInodes }: Disk): Finding[] {
  // A small file system of its own is not full for being small.
  const limit = (bytes: number) => Math.min(bytes, totalBytes / 10);
  const below = ({ bytes, inodes }: typeof low) => freeBytes < limit(bytes) || (freeInodes ?? Number.POSITIVE_INFINITY) < inodes;
  if (!below(low)) return [];
  const left = `${String(Math.floor(freeBytes / mebibyte))} MiB${freeInodes === undefined ? '' : ` and ${String(freeInodes)} files`}`;
  return [
    {
      severity: below(out) ? 'error' : 'warning',
      key: directory,
      message: `${directory}, where ${of} is kept, has room for ${left} more.`,
      fix: 'Make room on that file system: what cannot be written is not renewed.',
    },
  ];
}
