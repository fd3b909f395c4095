import { restingState } from '../../../dbus/states.js';
import type { SiteFacts } from '../../diagnosis/facts.js';
import type { Probe } from '../../diagnosis/probe.js';
import type { Memory } from '../../diagnosis/remembered.js';
import type { CachedRequest } from '../requests/request-cache.js';

/** What the verdict on one request at rest is made of, apart from the time. */
export interface Basis {
  readonly cached: CachedRequest | undefined;
  readonly memory: Memory | undefined;
  /** Of all that lies around, by `surroundingsOf`. */
  readonly surroundings: string;
}

/** Verdicts "well", kept so that thousands at rest are not examined anew at each of the token's looks. */
export interface HealthyCache {
  /** Whether nothing it was judged by is another since it was found well, and that is not long ago. */
  readonly stillValid: (nickname: string, basis: Basis) => boolean;
  store(nickname: string, basis: Basis): void;
}

/** Some verdicts come with time alone, none of them in a hurry. */
const staleMs = 300_000;

export function createHealthyCache(clock: () => Date, now: () => number): HealthyCache {
  const well = new Map<string, Basis & { readonly atMs: number }>();
  return {
    stillValid(nickname, { cached, memory, surroundings }) {
      const found = well.get(nickname);
      if (
        found === undefined ||
        found.cached !== cached ||
        found.memory !== memory ||
        found.surroundings !== surroundings ||
        now() - found.atMs >= staleMs
      )
        return false;
      const end = cached?.request.certificate.notAfter;
      return end !== undefined && end > clock();
    },
    store(nickname, basis) {
      // What moves is judged by how long it has done so, and a saving that is written down by how long it stands there.
      if (basis.cached?.request.status === restingState && (basis.memory === undefined || basis.memory.journal.length === 0))
        well.set(nickname, { ...basis, atMs: now() });
      else well.delete(nickname);
    },
  };
}

/** The same for two looks that saw the same. */
export function surroundingsOf({ certmonger, pinMovedTo, probe }: SiteFacts): string {
  return JSON.stringify([certmonger, pinMovedTo, probe === undefined ? undefined : seenBy(probe)]);
}

function seenBy({ token, nss, helper, directory, ca, disk }: Probe): unknown {
  return [
    token?.state === 'present'
      ? [token.pin, token.login, Object.entries(token.keys).map(([nickname, key]) => [nickname, key.ok || key])]
      : token,
    nss,
    helper,
    directory,
    ca,
    disk,
  ];
}
