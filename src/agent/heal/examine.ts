import type { CertificateConfig } from '../../config/instance.js';
import { diagnose } from '../../diagnosis/diagnose.js';
import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import type { RequestFacts, SiteFacts } from '../../diagnosis/facts.js';
import { requestFacts, seenRequest } from '../../diagnosis/gather.js';
import { lockHoldingStates } from '../../diagnosis/groups.js';
import type { Probe } from '../../diagnosis/probe.js';
import { rememberedOf, type Memory } from '../../diagnosis/remembered.js';
import type { CachedRequest } from '../requests/request-cache.js';
import type { HeldKey } from './find-requests.js';

export interface Exam {
  readonly site: SiteFacts;
  readonly config: CertificateConfig;
  /** undefined: certmonger has none. */
  readonly cached: CachedRequest | undefined;
  readonly key: HeldKey | undefined;
  /** What may be held for true of this request. */
  readonly probe: Probe | undefined;
  readonly memory: Memory | undefined;
  readonly tries: number;
  readonly lockHolders: readonly string[];
  /** Of performance.now(). */
  readonly nowMs: number;
}

/** Puts together what is known of one certificate, and diagnoses. */
export function examine({ site, config, cached, key, probe, memory, tries, lockHolders, nowMs }: Exam): Diagnosis | undefined {
  const base: RequestFacts = { ...requestFacts(withProbe(site, probe), config), tries };
  if (cached === undefined) return diagnose({ ...base, request: 'none' });
  const { request, sinceMs, trail } = cached;
  const { notBefore, notAfter } = request.certificate;
  const held = notBefore === undefined || notAfter === undefined ? undefined : { notBefore, notAfter };
  const holder = lockHolders.find((id) => id !== request.nickname);
  return diagnose({
    ...base,
    request: seenRequest(request, key?.standing),
    forMs: nowMs - sinceMs,
    trail: trail.map(({ status, atMs }) => ({ status, agoMs: nowMs - atMs })),
    remembered: rememberedOf(site.now, memory, {
      nickname: config.nickname,
      profile: config.profile,
      ...(key?.fingerprint === undefined ? {} : { key: key.fingerprint }),
      ...(held === undefined ? {} : { held }),
      ...(key?.certificate === undefined ? {} : { sha256: key.certificate }),
    }),
    ...(holder === undefined ? {} : { lockHeldBy: holder }),
  });
}

/** The same facts, by another look or by none. */
export function withProbe(site: SiteFacts, probe: Probe | undefined): SiteFacts {
  const { now, instance, user, token, database, certmonger, pinMovedTo } = site;
  const rest = {
    now,
    instance,
    user,
    database,
    ...(token === undefined ? {} : { token }),
    ...(certmonger === undefined ? {} : { certmonger }),
    ...(pinMovedTo === undefined ? {} : { pinMovedTo }),
  };
  return probe === undefined ? rest : { ...rest, probe };
}

/** Whose requests keep certmonger's writing lock from all others. */
export function lockHoldersIn(cachedRequests: readonly CachedRequest[]): string[] {
  return cachedRequests
    .filter(({ request }) => (lockHoldingStates as readonly string[]).includes(request.status))
    .map(({ request }) => request.nickname);
}

/**
 * What was seen and counts for this request. Where it is stuck, that its cause is gone is believed only of a look with new eyes since it
 * got stuck: a session that was open before proves neither token nor PIN. Bad news is believed of any.
 */
export function evidenceFor(
  { request, sinceMs }: CachedRequest,
  newest: Probe | undefined,
  lookSince: (sinceMs: number) => Probe | undefined,
): Probe | undefined {
  if (!request.stuck) return newest;
  const look = lookSince(sinceMs);
  if (newest === undefined || look === newest) return look;
  const bad = newest.token?.state === 'away' || (newest.token?.state === 'present' && newest.token.login.state !== 'proven');
  return bad ? newest : look;
}
