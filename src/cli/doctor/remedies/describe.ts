import type { Remedy } from '../../../doctor/finding.js';

/** What a remedy will do, for the question before it: "set …". */
export function describeRemedy(remedy: Remedy): string {
  switch (remedy.kind) {
    case 'reconcile':
      return "add and correct certmonger's requests as the instance file has them; none is replaced, removed or taken over";
    case 'resubmit':
      return `have certmonger submit the request of '${remedy.nickname}' again`;
    case 'trust':
      return `set the trust of '${remedy.nickname}' ${remedy.store === 'token' ? 'as NSS sees it on the token' : 'in the NSS database'} to '${remedy.flags}'`;
    case 'mode':
      return `set the mode of ${remedy.file} to ${remedy.mode.toString(8).padStart(4, '0')}`;
    case 'owner':
      return `give ${remedy.file} to uid ${String(remedy.uid)}, gid ${String(remedy.gid)}`;
    case 'finish savings':
      return 'finish interrupted savings';
    case 'restorecon':
      return `restore the SELinux context of ${remedy.file}`;
  }
}
