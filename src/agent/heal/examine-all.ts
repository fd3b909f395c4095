import { restingState } from '../../../dbus/states.js';
import type { CertificateConfig } from '../../config/instance.js';
import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import type { SiteFacts } from '../../diagnosis/facts.js';
import type { Probe } from '../../diagnosis/probe.js';
import type { Memory } from '../../diagnosis/remembered.js';
import type { CachedRequest } from '../requests/request-cache.js';
import { evidenceFor, examine, lockHoldersIn } from './examine.js';
import { heldKey } from './find-requests.js';
import { surroundingsOf, type Basis } from './healthy-cache.js';

/** What all certificates of an instance are judged by. The functions only look something up. */
export interface ExaminationFacts {
  readonly certificates: readonly CertificateConfig[];
  readonly site: SiteFacts;
  /** All of certmonger's. */
  readonly cachedRequests: readonly CachedRequest[];
  /** The certificates' own, by their nickname. */
  readonly requests: ReadonlyMap<string, CachedRequest>;
  /** What our processes wrote down, if it was read since that moment (of performance.now()). */
  readonly memorySince: (sinceMs: number) => Memory | undefined;
  /** The last whole look, if it was asked for since then. */
  readonly lookSince: (sinceMs: number) => Probe | undefined;
  /** Cures tried, by the certificate's nickname. */
  readonly attempts: (nickname: string) => number;
  /** Whether it was found well by the same facts a short while ago. */
  readonly stillWell: (nickname: string, basis: Basis) => boolean;
  /** Of performance.now(). */
  readonly nowMs: number;
}

/** What was found out about one certificate. */
export interface Examined {
  readonly nickname: string;
  /** undefined: certmonger has no request for it. */
  readonly cached: CachedRequest | undefined;
  /** What may be held for true of it; undefined where that is yet to be looked at. */
  readonly probe: Probe | undefined;
  readonly basis: Basis;
  /** undefined: nothing is wrong. */
  readonly diagnosis: Diagnosis | undefined;
  /** Known to be well, not just on its way. */
  readonly well: boolean;
}

/** Examines each certificate, but for those that are still well. */
export function examineAll(facts: ExaminationFacts): Examined[] {
  const { certificates, site, cachedRequests, requests, stillWell } = facts;
  const lockHolders = lockHoldersIn(cachedRequests);
  const surroundings = surroundingsOf(site);
  return certificates.flatMap((config) => {
    const cached = requests.get(config.nickname);
    const memory = cached === undefined ? undefined : facts.memorySince(cached.sinceMs);
    const basis = { cached, memory, surroundings };
    return stillWell(config.nickname, basis) ? [] : [examineOne(facts, lockHolders, config, basis)];
  });
}

function examineOne(
  { site, lookSince, attempts, nowMs }: ExaminationFacts,
  lockHolders: readonly string[],
  config: CertificateConfig,
  basis: Basis,
): Examined {
  const { nickname } = config;
  const { cached, memory } = basis;
  const probe = cached === undefined ? site.probe : evidenceFor(cached, site.probe, lookSince);
  const key = cached === undefined ? undefined : heldKey(cached.request);
  const diagnosis = examine({ site, config, cached, key, probe, memory, tries: attempts(nickname), lockHolders, nowMs });
  // What the helper wrote down last may say otherwise: as long as that was not read it is not known to be well.
  const well = diagnosis === undefined && cached?.request.status === restingState && memory !== undefined;
  return { nickname, cached, probe, basis, diagnosis, well };
}
