import type { Storage, TrackingRequest } from '../../dbus/tracking-request.js';
import { extendedKeyUsageName, keyUsageNames } from './usage-names.js';

/** A point in time in words, with its zone. */
export type TimeText = (time: Date) => string;

/** As `getcert list -u` writes it. */
export const utcText: TimeText = (time) => time.toISOString().replace(/^(.*)T(.*)\.\d+Z$/u, '$1 $2 UTC');

/**
 * What `getcert list` of certmonger 0.79.17 prints for these requests, to the letter; later ones add owner, permissions and where CA
 * certificates are copied to, none of which our own requests have.
 */
export function formatListing(requests: readonly TrackingRequest[], timeText: TimeText): string {
  return [
    `Number of certificates and requests being tracked: ${String(requests.length)}.`,
    ...requests.flatMap((request) => record(request, timeText)),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** One request's lines. */
function record(request: TrackingRequest, timeText: TimeText): string[] {
  const { certificate, template } = request;
  const fields = [
    `status: ${request.status}`,
    ...optional('ca-error', request.caError),
    `stuck: ${yesNo(request.stuck)}`,
    keyLine(request),
    certificateLine(request.certificateStorage),
    ...optional('CA', request.ca),
    `issuer: ${certificate.issuer ?? ''}`,
    `subject: ${certificate.subject ?? ''}`,
    `issued: ${certificate.notBefore === undefined ? 'unknown' : timeText(certificate.notBefore)}`,
    `expires: ${certificate.notAfter === undefined ? 'unknown' : timeText(certificate.notAfter)}`,
    ...joined('email', certificate.email),
    ...joined('dns', certificate.hostname),
    ...joined('principal name', certificate.principal),
    ...optional('key usage', certificate.keyUsage === undefined ? undefined : keyUsageNames(certificate.keyUsage).join(',')),
    ...joined('eku', certificate.extendedKeyUsage.map(extendedKeyUsageName)),
    ...optional('certificate template/profile', request.caProfile),
    ...optional('profile', template.profile),
    ...optional('ms v2 template', template.msCertificateTemplate),
    ...optional('issuer template', template.issuer),
    `pre-save command: ${request.preSaveCommand ?? ''}`,
    `post-save command: ${request.postSaveCommand ?? ''}`,
    `track: ${yesNo(request.monitoring)}`,
    `auto-renew: ${yesNo(request.autorenew)}`,
  ];
  return [`Request ID '${request.nickname}':`, ...fields.map((field) => `\t${field}`)];
}

function keyLine({ key, keyStorage }: TrackingRequest): string {
  const pin = [...(key.pinSet ? ['pin set'] : []), ...(key.pinFile === undefined ? [] : [`pinfile='${key.pinFile}'`])];
  return `key pair storage: ${[...place(keyStorage), ...pin].join(',')}`;
}

function certificateLine(storage: Storage): string {
  return `certificate: ${place(storage).join(',')}`;
}

function place({ type = 'NONE', database, file, nickname, token }: Partial<Storage>): string[] {
  const location = database ?? file;
  return [
    `type=${type}`,
    ...(location === undefined ? [] : [`location='${location}'`]),
    ...(nickname === undefined ? [] : [`nickname='${nickname}'`]),
    ...(token === undefined ? [] : [`token='${token}'`]),
  ];
}

function optional(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${name}: ${value}`];
}

function joined(name: string, values: readonly string[]): string[] {
  return values.length === 0 ? [] : [`${name}: ${values.join(',')}`];
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
