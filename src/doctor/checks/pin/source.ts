import { unlockCommand } from '../../../config/token-of.js';
import type { PinFileFacts, PinReader } from '../../../pkcs11/pin/pin-source.js';
import type { Check } from '../../check.js';
import type { Finding, Remedy } from '../../finding.js';
import { ofToken } from '../../known.js';

export const pinSource: Check = {
  source: 'hsmonger.pin',
  name: 'PinSource',
  about: "The PIN's source is there, readable by the service user, and by nobody else but root; nothing is tried.",
  run: (facts) =>
    ofToken(facts, ({ pin, pinFile, reader }): Finding[] => {
      const source = facts.instance.token?.pin;
      const key = source === undefined ? 'pin' : source.from === 'environment' ? source.variable : source.path;
      if (pin.ok) return [{ severity: 'success', key, message: `The PIN's source ${key} can be read as it should.` }];
      const remedy =
        source !== undefined && source.from !== 'environment' && pinFile !== undefined
          ? remedyFor(source.path, pinFile, reader)
          : undefined;
      return [
        {
          severity: 'error',
          key,
          message: pin.problem,
          fix:
            source?.from === 'unlocked' && pin.code !== 'PIN_UNSAFE'
              ? `Run: ${unlockCommand(source)}.`
              : fixFor(pin.code, key, facts.instance.user),
          ...(remedy === undefined ? {} : { remedy }),
        },
      ];
    }),
};

function fixFor(code: string, key: string, user: string): string {
  if (code === 'PIN_UNSAFE')
    return `Let ${key} and its directories belong to root or '${user}' and be closed to others (mode 0600). Whoever could read it may know the PIN: think of changing it.`;
  return `Put the token's PIN, one line, where ${key} says, readable by '${user}' alone.`;
}

/** Owner first, then mode; a link, or what is no file at all, is looked at by a person. */
export function remedyFor(file: string, { regular, uid, gid, mode }: PinFileFacts, reader: PinReader): Remedy | undefined {
  if (!regular) return undefined;
  if (uid !== 0 && uid !== reader.uid) return { kind: 'owner', file, uid: reader.uid, gid: reader.gid };
  const shared = uid === 0 && gid === reader.gid;
  if ((mode & (shared ? 0o027 : 0o077)) !== 0) return { kind: 'mode', file, mode: shared ? 0o640 : 0o600 };
  return uid === 0 && !(shared && (mode & 0o040) !== 0) ? { kind: 'owner', file, uid: reader.uid, gid: reader.gid } : undefined;
}
