import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { CertificateConfig, Instance } from '../../config/instance.js';
import { isProfileName } from '../../config/profile-names.js';
import { requestIds } from '../../config/request-id.js';
import { profiles } from '../../issuer/profiles.js';
import { certificateKey, type CalendarCertificate, type RenewedBy } from '../../renewal/calendar/calendar.js';
import { sharedNicknames } from '../../renewal/look-at-servers.js';
import { adoptable } from '../../tracking/plan.js';
import { heldCertificate, type HeldCertificate } from '../instances/held-certificate.js';

/** What the calendar is made of. */
export interface Renewable {
  readonly certificates: readonly CalendarCertificate[];
  /** Certificates of the instances that have no place in it, and why, as a sentence. */
  readonly without: readonly { readonly instance: string; readonly nickname: string; readonly why: string }[];
}

const dayMs = 86_400_000;

/**
 * The certificates of all instances as certmonger has them now. `isMaster`: whether this server is the renewal master, by the instance's
 * name; undefined where that is not known or makes no difference.
 */
export function renewable(
  instances: readonly Instance[],
  requests: readonly TrackingRequest[],
  isMaster: (instance: string) => boolean | undefined = () => undefined,
): Renewable {
  const byId = new Map(requests.map((request) => [request.nickname, request]));
  const without: Renewable['without'][number][] = [];
  const found = instances.flatMap((instance) => {
    const ids = requestIds(instance);
    return instance.certificates.flatMap((config) => {
      const request = byId.get(ids.get(config.nickname) ?? '') ?? adoptable(requests, instance, config);
      const why = request === undefined ? 'certmonger does not track it.' : idle(request);
      const certificate = request === undefined || why !== undefined ? undefined : heldCertificate(request);
      if (certificate !== undefined) return [{ instance, config, certificate }];
      without.push({ instance: instance.name, nickname: config.nickname, why: why ?? 'certmonger could not read the certificate.' });
      return [];
    });
  });
  const bySubject = new Map(found.filter(({ config }) => config.profile === 'caCACert').map((one) => [one.certificate.subject, one]));
  const certificates = found.map(({ instance, config, certificate }): CalendarCertificate => {
    const own = config.nickname === instance.issuer.certificate;
    const issuer = own
      ? undefined
      : (found.find((other) => other.instance === instance && other.config.nickname === instance.issuer.certificate) ??
        bySubject.get(certificate.issuer));
    const parent = issuer?.config === config ? undefined : issuer;
    const selfIssued = certificate.subject === certificate.issuer;
    return {
      instance: instance.name,
      nickname: config.nickname,
      profile: config.profile,
      identity: certificate.identity,
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      ...issuance(instance, config, certificate),
      spreadMs: instance.agent.spreadDays * dayMs,
      by: own && !selfIssued ? 'person' : renewedBy(instance, config, isMaster(instance.name)),
      group: own ? certificate.subject : (parent?.certificate.subject ?? certificate.issuer),
      ...(parent === undefined ? {} : { ca: certificateKey({ instance: parent.instance.name, nickname: parent.config.nickname }) }),
    };
  });
  return { certificates, without };
}

/** Why certmonger would not renew it by itself: what it is told not to renew is not renewed behind its back. */
function idle({ monitoring, autorenew }: TrackingRequest): string | undefined {
  return monitoring && autorenew ? undefined : 'certmonger is told not to renew it.';
}

/** How long a renewal will live: our own CA's profiles say so; another CA is taken to give what it gave before. */
function issuance(
  { issuer }: Instance,
  { profile, days: own }: CertificateConfig,
  { notBefore, notAfter }: HeldCertificate,
): Pick<CalendarCertificate, 'lifeMs' | 'backdateMs'> {
  switch (issuer.type) {
    case 'token': {
      const days = own ?? issuer.lifetimeDays[profile] ?? (isProfileName(profile) ? profiles[profile].days : undefined);
      return {
        lifeMs: days === undefined ? notAfter.getTime() - notBefore.getTime() : days * dayMs,
        backdateMs: issuer.backdateSeconds * 1000,
      };
    }
    case 'dogtag':
    case 'directory':
    case 'external':
      return { lifeMs: notAfter.getTime() - notBefore.getTime(), backdateMs: 0 };
  }
}

function renewedBy(instance: Instance, { nickname }: CertificateConfig, master: boolean | undefined): RenewedBy {
  switch (instance.issuer.type) {
    case 'directory':
      return 'renewal master';
    case 'external':
      return 'person';
    case 'token':
    case 'dogtag':
      if (master === false && sharedNicknames(instance).includes(nickname)) return 'renewal master';
      return instance.agent.spreadDays === 0 ? 'certmonger' : 'agent';
  }
}
