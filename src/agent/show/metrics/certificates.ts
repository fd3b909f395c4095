import type { AgentSnapshot, CertificateSnapshot } from '../../report/snapshot.js';
import { dated, seconds, type Family, type Sample } from './family.js';

/**
 * Our certificates, by the CA's nickname in certmonger, which is the instance's name ('instance' is a label of Prometheus' own), and their
 * own.
 */
export function certificateFamilies({ at, instances, counters }: AgentSnapshot): Family[] {
  const gauge = (
    name: string,
    help: string,
    more: readonly string[],
    samples: (certificate: CertificateSnapshot, labels: readonly string[]) => Sample[],
  ): Family => ({
    name: `hsmonger_certificate_${name}`,
    help,
    type: 'gauge',
    labels: ['ca', 'certificate', ...more],
    samples: instances.flatMap((instance) =>
      instance.certificates.flatMap((certificate) => samples(certificate, [instance.name, certificate.nickname])),
    ),
  });
  return [
    gauge(
      'info',
      'What a certificate is: profile, where it is kept, id of its tracking request; always 1',
      ['profile', 'storage', 'request'],
      (one, labels) => [{ labels: [...labels, one.profile, one.where, one.request ?? ''], value: 1 }],
    ),
    gauge(
      'state',
      "1 for the state its request is in now, in certmonger's words, or 'not tracked', or 'unknown'",
      ['state'],
      (one, labels) => [{ labels: [...labels, one.state], value: 1 }],
    ),
    gauge('not_before_timestamp_seconds', 'When it began to be valid', [], (one, labels) => dated(labels, one.notBefore)),
    gauge('not_after_timestamp_seconds', 'When it ends', [], (one, labels) => dated(labels, one.notAfter)),
    gauge('remaining_seconds', 'Time left until it ends, below zero once it has; divide by 86400 for days', [], (one, labels) =>
      one.notAfter === undefined ? [] : [{ labels, value: Math.round(seconds(one.notAfter) - seconds(at)) }],
    ),
    gauge('renewal_window_start_timestamp_seconds', 'From when on it may be renewed', [], (one, labels) =>
      dated(labels, one.renewal?.from),
    ),
    gauge('renewal_window_end_timestamp_seconds', 'When certmonger renews it at the latest', [], (one, labels) =>
      dated(labels, one.renewal?.to),
    ),
    gauge('renewal_planned_timestamp_seconds', 'When it is to be renewed', [], (one, labels) => dated(labels, one.renewal?.planned)),
    gauge('last_renewal_timestamp_seconds', 'When the last renewal this agent saw ended', [], (one, labels) =>
      dated(labels, one.lastRenewal?.at),
    ),
    gauge('last_renewal_duration_seconds', 'How long the last renewal this agent saw took', [], (one, labels) =>
      one.lastRenewal === undefined ? [] : [{ labels, value: one.lastRenewal.seconds }],
    ),
    gauge(
      'problem',
      '1 for each certificate something is wrong with; causes are rows of docs/diagnosis.md',
      ['cause', 'severity'],
      ({ diagnosis }, labels) => (diagnosis === undefined ? [] : [{ labels: [...labels, diagnosis.cause, diagnosis.severity], value: 1 }]),
    ),
    {
      name: 'hsmonger_renewals_total',
      help: 'Renewals that ended with a newer certificate, since the agent was started',
      type: 'counter',
      labels: ['ca', 'certificate'],
      samples: counters.renewals.map(({ instance, nickname, count }) => ({ labels: [instance, nickname], value: count })),
    },
    {
      name: 'hsmonger_renewal_failures_total',
      help: 'Renewals that came to no end by themselves, by cause, since the agent was started',
      type: 'counter',
      labels: ['ca', 'cause'],
      samples: counters.failures.map(({ instance, cause, count }) => ({ labels: [instance, cause], value: count })),
    },
    {
      name: 'hsmonger_heals_total',
      help: 'Troubles that are over, by cause, since the agent was started',
      type: 'counter',
      labels: ['ca', 'cause'],
      samples: counters.heals.map(({ instance, cause, count }) => ({ labels: [instance, cause], value: count })),
    },
  ];
}
