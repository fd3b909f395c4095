import type { CertificateConfig } from '../../config/instance.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import { restingState } from '../../../dbus/states.js';
import { decideRenewal } from '../../renewal/decide.js';
import type { LedgerContents } from '../../service/tasks/read-ledger.js';
import { meaningOf } from './state-meanings.js';

/** What there is to know about one certificate of the instance; a part that could not be asked is absent. */
export interface CertificateFacts {
  readonly config: CertificateConfig;
  /** The token's label, 'internal', or the certificate's file. */
  readonly where: string;
  /** The newest certificate of the nickname where the instance file says it lies. */
  readonly inStore: { readonly notBefore: Date; readonly notAfter: Date } | 'none' | undefined;
  /** SHA-256 of its SubjectPublicKeyInfo, hex, by that certificate or else by certmonger's. */
  readonly subjectKey: string | undefined;
  readonly request: Pick<TrackingRequest, 'nickname' | 'status' | 'stuck' | 'caError' | 'certificate'> | 'none' | undefined;
  readonly ledger: LedgerContents | undefined;
}

/** One line of `status`. */
export interface StatusRow {
  readonly nickname: string;
  readonly profile: string;
  /** The token's label, 'internal' for the NSS database's own, or the certificate's file. */
  readonly token: string;
  /** The request's id in certmonger. */
  readonly request?: string;
  /** certmonger's word, 'not tracked', or 'unknown' while certmonger cannot be asked. */
  readonly state: string;
  readonly notAfter?: Date;
  /** Whole days, rounded down; negative once expired. */
  readonly daysLeft?: number;
  /** When certmonger renews by itself. */
  readonly nextRenewal?: Date;
  /** What needs attention, as a sentence. */
  readonly problem?: string;
}

const day = 86_400_000;
/** A saving that has not moved for so long is not under way any more. */
const patience = 5 * 60_000;
/** In these states certmonger waits for an answer of the helper. */
const asking: ReadonlySet<string> = new Set(['NEED_TO_SUBMIT', 'SUBMITTING', 'CA_WORKING', 'CA_UNREACHABLE']);

export function statusRow(now: Date, facts: CertificateFacts): StatusRow {
  const { config, inStore } = facts;
  const request = facts.request === 'none' ? undefined : facts.request;
  const certificate = inStore === 'none' ? undefined : inStore;
  const notAfter = certificate?.notAfter ?? request?.certificate.notAfter;
  const nextRenewal = request === undefined ? undefined : nextRenewalOf(now, request);
  const problem = problemOf(now, facts);
  return {
    nickname: config.nickname,
    profile: config.profile,
    token: facts.where,
    ...(request === undefined ? {} : { request: request.nickname }),
    state: request?.status ?? (facts.request === 'none' ? 'not tracked' : 'unknown'),
    ...(notAfter === undefined ? {} : { notAfter, daysLeft: Math.floor((notAfter.getTime() - now.getTime()) / day) }),
    ...(nextRenewal === undefined ? {} : { nextRenewal }),
    ...(problem === undefined ? {} : { problem }),
  };
}

function nextRenewalOf(now: Date, { certificate }: Pick<TrackingRequest, 'certificate'>): Date | undefined {
  const { notAfter, notBefore, lastChecked } = certificate;
  return decideRenewal(now, {
    ...(notAfter === undefined ? {} : { notAfter }),
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(lastChecked === undefined ? {} : { lastCheck: lastChecked }),
  }).next;
}

/** The first of these that holds: the one nearest to its cause. */
function problemOf(now: Date, facts: CertificateFacts): string | undefined {
  const { inStore, request } = facts;
  if (inStore === 'none') return `There is no certificate '${facts.config.nickname}' ${place(facts.config)}.`;
  if (request !== undefined && request !== 'none' && request.caError !== undefined) return request.caError;
  if (request === 'none') return "certmonger does not track it; run 'hsmonger track apply'.";
  // Stuck, certmonger asks the helper nothing: what the helper said last is not why.
  if (request?.stuck === true) return `${meaningOf(request.status, true) ?? request.status}.`;
  const refused = lastRefusal(facts);
  if (refused !== undefined) return refused;
  const silent = request === undefined || !asking.has(request.status) ? undefined : silenceOf(facts);
  if (silent !== undefined) return silent;
  const meaning = request === undefined ? undefined : meaningOf(request.status, request.stuck);
  if (meaning !== undefined) return `${meaning}.`;
  const saving = facts.ledger?.journal.find(({ nickname }) => nickname === facts.config.nickname);
  if (saving !== undefined && now.getTime() - saving.updatedAt.getTime() > patience) {
    return `Saving its new certificate stopped after '${saving.step}'; run 'hsmonger renew' to finish it.`;
  }
  const unsaved = unsavedOf(facts);
  if (unsaved !== undefined) return unsaved;
  if (inStore !== undefined && inStore.notAfter <= now) return 'It has expired.';
  return inStore === undefined || request === undefined ? undefined : staleness(inStore.notAfter, request.certificate.notAfter, place(facts.config));
}

function place({ storage }: CertificateConfig): string {
  switch (storage.kind) {
    case 'token':
      return 'on the token';
    case 'internal':
      return 'in the NSS database';
    case 'file':
      return `in ${storage.certificate}`;
  }
}

/** At rest without the certificate it was given: killed before it had saved it, certmonger reads the old one and saves that again. */
function unsavedOf({ ledger, inStore, request, subjectKey: ours, config }: CertificateFacts): string | undefined {
  if (request === undefined || request === 'none' || request.status !== restingState || inStore === undefined || inStore === 'none') return undefined;
  const issued = ledger?.issued.find(({ subjectKey, profile }) => subjectKey === ours && profile === config.profile);
  if (issued === undefined || issued.notAfter <= inStore.notAfter) return undefined;
  return `A certificate that expires ${issued.notAfter.toISOString().slice(0, 10)} was issued, but certmonger has not saved it; run 'hsmonger renew' for it: it gets the same one.`;
}

function lastRefusal({ ledger, inStore, subjectKey: ours, config }: CertificateFacts): string | undefined {
  const last = ledger?.outcomes.find(({ subjectKey, profile }) => subjectKey === ours && profile === config.profile);
  // A certificate that became valid later came by another way.
  const overtaken = last !== undefined && inStore !== undefined && inStore !== 'none' && last.at < inStore.notBefore;
  return last === undefined || last.code === 'ISSUED' || overtaken ? undefined : last.message;
}

function silenceOf({ ledger, subjectKey: ours }: CertificateFacts): string | undefined {
  const watchdog = ledger?.watchdog;
  if (watchdog === undefined) return undefined;
  return ledger?.outcomes.some(({ subjectKey, at }) => subjectKey === ours && at > watchdog.at) === true ? undefined : watchdog.message;
}

/** certmonger renews by what it read last: an expiry of its own means it looks at another certificate, or at none. */
function staleness(inStore: Date, read: Date | undefined, where: string): string | undefined {
  if (read === undefined) return 'certmonger could not read the certificate and will never renew it.';
  return read.getTime() === inStore.getTime() ? undefined : `certmonger reads a certificate that expires ${read.toISOString().slice(0, 10)}, not the newest one ${where}.`;
}
