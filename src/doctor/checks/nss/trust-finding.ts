import { isDistrusted } from '../../../nss/trust.js';
import type { Finding } from '../../finding.js';

interface WrongTrust {
  readonly nickname: string;
  /** What its profile asks for. */
  readonly wanted: string;
  /** What it has, once for each copy. */
  readonly found: readonly string[];
  readonly store: 'token' | 'internal';
  readonly where: string;
}

/** Trust somebody took away on purpose ('p' in every field) is told, and left to them. */
export function trustFinding({ nickname: key, wanted, found, store, where }: WrongTrust): Finding {
  const has = found.length === 0 ? 'it has none there' : `it has '${found.join("' and '")}'`;
  const message = `The trust of '${key}' in ${where} should be '${wanted}', but ${has}.`;
  if (found.some(isDistrusted))
    return {
      severity: 'error',
      key,
      message,
      fix: `Somebody has distrusted it on purpose ('p'): find out why before certutil -M -n '${key}' -t '${wanted}'.`,
    };
  return {
    severity: 'error',
    key,
    message,
    fix: `Set it: hsmonger doctor --fix, or certutil -M -n '${key}' -t '${wanted}' as the service user.`,
    remedy: { kind: 'trust', nickname: key, store, flags: wanted },
  };
}
