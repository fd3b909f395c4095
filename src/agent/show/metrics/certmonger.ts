import type { AgentSnapshot, RequestSnapshot } from '../../report/snapshot.js';
import { dated, seconds, truth, type Family, type Sample } from './family.js';

const labels = ['nickname', 'ca', 'storage_type', 'storage_location', 'storage_nickname', 'storage_token'];

/**
 * certmonger-exporter's metrics under its names, labels and values (its collector.py), so that alerts and dashboards made for it stay as
 * they are: `nickname` is the request's id; a date certmonger does not have is 0, but for the key's; `certmonger_requests_total` is a
 * gauge.
 */
export function certmongerFamilies({ requests, certmonger }: AgentSnapshot): Family[] {
  const gauge = (name: string, help: string, samples: (request: RequestSnapshot, values: readonly string[]) => Sample[]): Family => ({
    name: `certmonger_request_${name}`,
    help,
    type: 'gauge',
    labels,
    samples: requests.flatMap((request) => samples(request, labelsOf(request))),
  });
  const orZero = (values: readonly string[], date: Date | undefined): Sample[] => [
    { labels: values, value: date === undefined ? 0 : seconds(date) },
  ];
  return [
    gauge('ca_error', '1 if the CA returned an error when certificate signing was requested', (request, values) => [
      { labels: values, value: truth((request.caError ?? '') !== '') },
    ]),
    gauge('key_generated_date_seconds', 'Timestamp the private key was generated', (request, values) =>
      dated(values, request.keyGenerated),
    ),
    gauge('key_issued_count', 'Number of times a certificate was issued for the private key', (request, values) => [
      { labels: values, value: request.keyIssuedCount ?? 0 },
    ]),
    gauge('last_checked_date_seconds', 'Timestamp of last check for expiration', (request, values) => orZero(values, request.lastChecked)),
    gauge('not_valid_after_date_seconds', 'Timestamp of certificate expiry', (request, values) => orZero(values, request.notAfter)),
    gauge('not_valid_before_date_seconds', 'Timestamp after which certificate is valid', (request, values) =>
      orZero(values, request.notBefore),
    ),
    gauge('stuck', '1 if request is stuck', (request, values) => [{ labels: values, value: truth(request.stuck) }]),
    {
      name: 'certmonger_requests_total',
      help: 'Number of certificates managed by certmonger',
      type: 'gauge',
      labels: [],
      samples: [{ labels: [], value: requests.length }],
    },
    ...(certmonger.enabled === undefined
      ? []
      : [
          {
            name: 'certmonger_enabled',
            help: '1 if the certmonger service is enabled',
            type: 'gauge' as const,
            labels: [],
            samples: [{ labels: [], value: truth(certmonger.enabled) }],
          },
        ]),
  ];
}

function labelsOf({ nickname, ca, storage }: RequestSnapshot): string[] {
  const where = storage.type === 'FILE' ? [storage.file, '', ''] : [storage.database, storage.nickname, storage.token];
  return [nickname, ca ?? '', storage.type ?? '', ...where.map((word) => word ?? '')];
}
