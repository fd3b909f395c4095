import type { AgentSnapshot, InstanceSnapshot, TokenSnapshot } from '../../report/snapshot.js';
import { dated, seconds, truth, type Family, type Sample } from './family.js';

/** Tokens, the comparison with the instance files, and the agent itself. */
export function healthFamilies({ at, version, startedAt, certmonger, instances, counters }: AgentSnapshot): Family[] {
  const alone = (name: string, help: string, value: number): Family => ({
    name,
    help,
    type: 'gauge',
    labels: [],
    samples: [{ labels: [], value }],
  });
  const each = (
    name: string,
    help: string,
    more: readonly string[],
    samples: (instance: InstanceSnapshot, labels: readonly string[]) => Sample[],
  ): Family => ({
    name: `hsmonger_${name}`,
    help,
    type: 'gauge',
    labels: ['ca', ...more],
    samples: instances.flatMap((instance) => samples(instance, [instance.name])),
  });
  const token = (
    name: string,
    help: string,
    more: readonly string[],
    samples: (token: TokenSnapshot, labels: readonly string[]) => Sample[],
  ): Family =>
    each(`token_${name}`, help, ['token', ...more], (instance, labels) =>
      [...(instance.token === undefined ? [] : [instance.token]), ...(instance.otherTokens ?? [])].flatMap((one) =>
        samples(one, [...labels, one.label]),
      ),
    );
  return [
    {
      name: 'hsmonger_build_info',
      help: 'The version that runs; always 1',
      type: 'gauge',
      labels: ['version'],
      samples: [{ labels: [version], value: 1 }],
    },
    alone('hsmonger_agent_start_time_seconds', 'When the agent was started', seconds(startedAt)),
    alone('hsmonger_snapshot_timestamp_seconds', 'When all this was so: old where the agent hangs or is gone', seconds(at)),
    alone('hsmonger_certmonger_up', '1 if certmonger runs and answers', truth(certmonger.running)),
    each(
      'instance_problem',
      '1 for each trouble of an instance as a whole; causes are rows of docs/diagnosis.md',
      ['cause', 'severity'],
      ({ diagnoses }, labels) => diagnoses.map(({ cause, severity }) => ({ labels: [...labels, cause, severity], value: 1 })),
    ),
    each(
      'reconcile_timestamp_seconds',
      "When certmonger's requests were last compared with the instance file",
      [],
      ({ reconciled }, labels) => dated(labels, reconciled?.at),
    ),
    each('reconcile_changes', 'Requests the last comparison found to be changed', [], ({ reconciled }, labels) =>
      reconciled === undefined ? [] : [{ labels, value: reconciled.changes }],
    ),
    each('reconcile_refusals', 'What the last comparison left to a person', [], ({ reconciled }, labels) =>
      reconciled === undefined ? [] : [{ labels, value: reconciled.refusals.length }],
    ),
    token('reachable', '1 if the token was there at the last look', [], ({ reachable, lookedAt }, labels) =>
      lookedAt === undefined ? [] : [{ labels, value: truth(reachable) }],
    ),
    token(
      'pin_state',
      "1 for what the token's flags say of its PIN: fine, count-low, final-try, locked, unknown",
      ['state'],
      ({ pin }, labels) => [{ labels: [...labels, pin], value: 1 }],
    ),
    token('login', '1 for how the last login went: proven, refused, no PIN, unanswered, unknown', ['result'], ({ login }, labels) => [
      { labels: [...labels, login], value: 1 },
    ]),
    token('sign_latency_seconds', 'How long the last proving signature took', [], ({ signLatencyMs }, labels) =>
      signLatencyMs === undefined ? [] : [{ labels, value: signLatencyMs / 1000 }],
    ),
    token('last_probe_timestamp_seconds', 'When the token was last looked at', [], ({ lookedAt }, labels) => dated(labels, lookedAt)),
    {
      name: 'hsmonger_signatures_total',
      help: 'Signatures the agent had the token make, to prove keys, since it was started',
      type: 'counter',
      labels: ['ca'],
      samples: counters.signatures.map(({ instance, count }) => ({ labels: [instance], value: count })),
    },
  ];
}
