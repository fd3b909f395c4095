import { HsmongerError } from '../errors.js';
import { caRegistered } from './checks/ca-registered.js';
import { certificateLabels } from './checks/certificate-labels.js';
import { fileOwner } from './checks/file-owner.js';
import { foreignRequests } from './checks/foreign-requests.js';
import { helperRuns } from './checks/helper-runs.js';
import { internalPassword } from './checks/internal-password.js';
import { keyId } from './checks/key-id.js';
import { keyKind } from './checks/key-kind.js';
import { keyProven } from './checks/key-proven.js';
import { moduleRegistered } from './checks/module-registered.js';
import { nssDatabase } from './checks/nss-database.js';
import { pinSource } from './checks/pin-source.js';
import { rekeying } from './checks/rekeying.js';
import { subjects } from './checks/subjects.js';
import { tokenLabel } from './checks/token-label.js';
import { tokenListed } from './checks/token-listed.js';
import { tokenLogin } from './checks/token-login.js';
import { tokenSaves } from './checks/token-saves.js';
import { tokenSigns } from './checks/token-signs.js';
import { tokenUnique } from './checks/token-unique.js';
import { tokenVisible } from './checks/token-visible.js';
import { tokenWritable } from './checks/token-writable.js';
import type { TokenFacts, TrackingFacts } from './facts.js';
import { objectStores, type ObjectStore } from './object-stores.js';
import { requestIds } from '../config/request-id.js';
import { sightings, type Sighting } from './sightings.js';

/** Why certmonger must not be given a certificate (or none of the instance's), and what to do about it. */
export interface Refusal {
  /** The check's name: stable, for programs. */
  readonly check: string;
  /** Nickname of the certificate, where it is about one. */
  readonly nickname?: string;
  /** A whole sentence. */
  readonly problem: string;
  /** A whole sentence: what to do. */
  readonly fix: string;
}

/** The facts with what follows from them for each certificate. */
export interface Evidence extends TrackingFacts {
  readonly seen: readonly Sighting[];
  readonly stores: readonly ObjectStore[];
  /** Request id by nickname. */
  readonly ids: ReadonlyMap<string, string>;
}

/** One idea each: data in, refusals out. */
export type Check = (evidence: Evidence) => Refusal[];

/** Where a certificate of the instance lies on the token. */
export type TokenEvidence = Evidence & { readonly token: TokenFacts };
export type TokenCheck = (evidence: TokenEvidence) => Refusal[];

const tokenChecks: readonly TokenCheck[] = [
  tokenLabel,
  tokenUnique,
  tokenLogin,
  tokenWritable,
  tokenListed,
  tokenSaves,
  tokenSigns,
  tokenVisible,
];
const checks: readonly Check[] = [
  pinSource,
  ofToken,
  nssDatabase,
  moduleRegistered,
  internalPassword,
  fileOwner,
  keyProven,
  keyKind,
  keyId,
  certificateLabels,
  subjects,
  rekeying,
  helperRuns,
  caRegistered,
  foreignRequests,
];

function ofToken(evidence: Evidence): Refusal[] {
  const { token } = evidence;
  return token === undefined ? [] : tokenChecks.flatMap((check) => check({ ...evidence, token }));
}

/** All refusals; none means that certmonger can be trusted with the instance's keys (design rules 1 and 2). */
export function preflight(facts: TrackingFacts): Refusal[] {
  const evidence: Evidence = {
    ...facts,
    seen: sightings(facts.instance, facts),
    stores: objectStores(facts.instance, facts),
    ids: requestIds(facts.instance),
  };
  return checks.flatMap((check) => check(evidence));
}

/** The refusals as one error, for commands that stop at them. */
export function refused(instance: string, refusals: readonly Refusal[]): HsmongerError {
  const [first] = refusals;
  const more = refusals.length > 1 ? ` (and ${String(refusals.length - 1)} more)` : '';
  return new HsmongerError(
    'PREFLIGHT_FAILED',
    `Instance '${instance}' is not handed to certmonger: ${first?.problem ?? ''} ${first?.fix ?? ''}${more}`,
  );
}
