import type { Check } from '../../check.js';
import type { SeenFile } from '../../facts/files.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { filesOf, modeFinding } from './words.js';

/** On an IPA server 0440 root:ipaapi: whoever has it approves what the CA issues. */
export const agentKeySafe: Check = {
  source: 'hsmonger.files',
  name: 'AgentKeySafe',
  about: "The CA agent's key is root's, and only root and one group can read it.",
  run: ({ files }) =>
    known(files, (facts) =>
      orFine(filesOf(facts, 'agent key', 'agent certificate').flatMap(faults), "The CA agent's key is safe, or there is none."),
    ),
};

function faults({ file, role, stat }: SeenFile): Finding[] {
  if (stat === undefined)
    return [
      {
        severity: 'error',
        key: file,
        message: `The CA agent's ${role.is === 'agent key' ? 'key' : 'certificate'} ${file} is not there, so the CA approves nothing.`,
        fix: 'Restore it, or correct issuer.agent-certificate and issuer.agent-key in the instance file.',
      },
    ];
  if (role.is !== 'agent key') return [];
  if (stat.uid !== 0)
    return [
      {
        severity: 'error',
        key: file,
        message: `The CA agent's key ${file} belongs to uid ${String(stat.uid)}, who can have anything issued.`,
        fix: `Run: chown root '${file}'.`,
        remedy: { kind: 'owner', file, uid: 0, gid: stat.gid },
      },
    ];
  return (stat.mode & 0o027) === 0
    ? []
    : [modeFinding(file, stat.mode, stat.mode & ~0o027, "others than root and its group can use the CA agent's key")];
}
