import type { ErrorCode } from '../errors.js';
import type { Life, Remembered } from './facts.js';

/** The ledger's contents, as far as they tell about troubles (service/tasks/state/read-ledger.ts). */
export interface Memory {
  readonly outcomes: readonly {
    readonly subjectKey: string;
    readonly profile: string;
    readonly at: Date;
    readonly code: ErrorCode | 'ISSUED';
    readonly message: string;
  }[];
  readonly issued: readonly { readonly subjectKey: string; readonly profile: string; readonly notAfter: Date }[];
  readonly journal: readonly {
    readonly nickname: string;
    readonly step: string;
    readonly left: readonly { readonly step: string; readonly reason?: string }[];
    readonly updatedAt: Date;
  }[];
  readonly superseded: readonly { readonly nickname: string; readonly sha256: readonly string[] }[];
  readonly inPlace: readonly { readonly nickname: string; readonly sha256: string }[];
  readonly watchdog?: { readonly at: Date; readonly message: string };
}

/**
 * Which certificate: by name, and by SHA-256 of its SubjectPublicKeyInfo where that is known; `held` is the one in use, `sha256` the
 * digest, in hex, of the one certmonger holds.
 */
export interface Subject {
  readonly nickname: string;
  readonly profile: string;
  readonly key?: string;
  readonly held?: Life;
  readonly sha256?: string;
}

/** What the ledger says of one certificate. */
export function rememberedOf(now: Date, memory: Memory | undefined, { nickname, profile, key, held, sha256 }: Subject): Remembered {
  if (memory === undefined) return {};
  const ours = (row: { readonly subjectKey: string; readonly profile: string }) => row.subjectKey === key && row.profile === profile;
  const last = memory.outcomes.find(ours);
  // A certificate that became valid later came by another way.
  const overtaken = last !== undefined && held !== undefined && last.at < held.notBefore;
  const { watchdog } = memory;
  const heard = watchdog === undefined || memory.outcomes.some(({ subjectKey, at }) => subjectKey === key && at > watchdog.at);
  const issued = memory.issued.find(ours);
  const saving = memory.journal.find((row) => row.nickname === nickname);
  const superseded = sha256 !== undefined && memory.superseded.some((row) => row.nickname === nickname && row.sha256.includes(sha256));
  const inPlace = memory.inPlace.find((row) => row.nickname === nickname);
  const storedByOwner = sha256 !== undefined && inPlace !== undefined && inPlace.sha256 !== sha256 && !superseded;
  const left = saving?.step === 'in service' ? saving.left[0] : undefined;
  return {
    ...(last === undefined || last.code === 'ISSUED' || overtaken
      ? {}
      : { outcome: { code: last.code, message: last.message, at: last.at } }),
    ...(heard ? {} : { silence: watchdog.message }),
    ...(issued === undefined || held === undefined || issued.notAfter <= held.notAfter ? {} : { unsaved: issued.notAfter }),
    ...(superseded ? { superseded } : {}),
    ...(storedByOwner ? { storedByOwner } : {}),
    ...(saving === undefined
      ? {}
      : { saving: { step: saving.step, stillMs: now.getTime() - saving.updatedAt.getTime(), ...(left === undefined ? {} : { left }) } }),
  };
}
