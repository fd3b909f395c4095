import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { CertificateConfig, Instance } from '../config/instance.js';
import type { RequestFacts, RequestSeen, SiteFacts } from './facts.js';

/** What the instance file says of what all its requests need. */
export function siteFacts(now: Date, { name, user, token, nss }: Pick<Instance, 'name' | 'user' | 'token' | 'nss'>): SiteFacts {
  return {
    now,
    instance: name,
    user,
    database: nss.database,
    ...(token === undefined
      ? {}
      : { token: { label: labelOf(token.selector), ...(token.pin.from === 'file' ? { pinFile: token.pin.path } : {}) } }),
  };
}

/** Of one certificate, before anything was looked at. */
export function requestFacts(site: SiteFacts, { nickname, storage }: Pick<CertificateConfig, 'nickname' | 'storage'>): RequestFacts {
  return { ...site, nickname, place: placeOf(storage), onToken: storage.kind === 'token', trail: [], remembered: {}, tries: 0 };
}

/** What of a request counts; `key` where its type and size were held against the certificate's. */
export function seenRequest(
  request: Pick<TrackingRequest, 'nickname' | 'status' | 'stuck' | 'caError'> & {
    readonly ca?: string | undefined;
    readonly template?: Pick<TrackingRequest['template'], 'netscapeType'>;
    readonly certificate: Pick<TrackingRequest['certificate'], 'notBefore' | 'notAfter'>;
  },
  key: RequestSeen['key'] = 'unknown',
): RequestSeen {
  const {
    nickname,
    status,
    stuck,
    caError,
    ca,
    template,
    certificate: { notBefore, notAfter },
  } = request;
  return {
    id: nickname,
    status,
    stuck,
    key,
    certificate: { ...(notBefore === undefined ? {} : { notBefore }), ...(notAfter === undefined ? {} : { notAfter }) },
    ...(caError === undefined ? {} : { caError }),
    ...(ca === undefined ? {} : { ca }),
    ...(template?.netscapeType === undefined ? {} : { netscapeType: template.netscapeType }),
  };
}

function placeOf(storage: CertificateConfig['storage']): string {
  switch (storage.kind) {
    case 'token':
      return 'on the token';
    case 'internal':
      return 'in the NSS database';
    case 'file':
      return `in ${storage.certificate}`;
  }
}

function labelOf(selector: NonNullable<Instance['token']>['selector']): string {
  switch (selector.by) {
    case 'label':
      return selector.label;
    case 'slot':
      return `in slot ${String(selector.slotId)}`;
    case 'slot-index':
      return `in slot number ${String(selector.index)}`;
    case 'uri':
      return selector.uri;
  }
}
