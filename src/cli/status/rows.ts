import type { CertificateConfig, Instance } from '../../config/instance.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import { problemOf } from '../../diagnosis/diagnose.js';
import { requestFacts, seenRequest, siteFacts } from '../../diagnosis/gather.js';
import { rememberedOf } from '../../diagnosis/remembered.js';
import { decideRenewal } from '../../renewal/decide.js';
import { sha256 } from '../../renewal/report.js';
import type { LedgerContents } from '../../service/tasks/state/read-ledger.js';
import { certificateFromPem } from '../../x509/pem.js';

/** What there is to know about one certificate of the instance; a part that could not be asked is absent. */
export interface CertificateFacts {
  readonly instance: Pick<Instance, 'name' | 'user' | 'token' | 'nss'>;
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
  /** When certmonger renews by itself; where an agent runs, the moment it has planned before that. */
  readonly nextRenewal?: Date;
  /** What needs attention, as a sentence. */
  readonly problem?: string;
}

const day = 86_400_000;

export function statusRow(now: Date, facts: CertificateFacts): StatusRow {
  const { config, inStore } = facts;
  const request = facts.request === 'none' ? undefined : facts.request;
  const certificate = inStore === 'none' ? undefined : inStore;
  const notAfter = certificate?.notAfter ?? request?.certificate.notAfter;
  const nextRenewal = request === undefined ? undefined : nextRenewalOf(now, request);
  const problem = problemIn(now, facts);
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

/** By the table the agent works with, from the fewer facts there are here: nobody has probed. */
function problemIn(now: Date, { instance, config, inStore, subjectKey, request, ledger }: CertificateFacts): string | undefined {
  const held = inStore === 'none' ? undefined : inStore;
  return problemOf({
    ...requestFacts(siteFacts(now, instance), config),
    ...(inStore === undefined ? {} : { inStore }),
    ...(request === undefined ? {} : { request: request === 'none' ? request : seenRequest(request) }),
    remembered: rememberedOf(now, ledger, {
      nickname: config.nickname,
      profile: config.profile,
      ...(subjectKey === undefined ? {} : { key: subjectKey }),
      ...(held === undefined ? {} : { held }),
      ...(request === undefined || request === 'none' || request.certificate.pem === undefined
        ? {}
        : { sha256: sha256({ der: certificateFromPem(request.certificate.pem) }) }),
    }),
  });
}
