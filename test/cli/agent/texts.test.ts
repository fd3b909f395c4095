import { expect, test } from 'vitest';
import { cureWord, problemsOf } from '../../../src/agent/report/problems.js';
import { eventText } from '../../../src/cli/agent/ask.js';
import { agentStatusText } from '../../../src/cli/agent/status-text.js';
import type { Diagnosis } from '../../../src/diagnosis/diagnosis.js';
import type { AgentSnapshot, CertificateSnapshot } from '../../../src/agent/report/snapshot.js';
import { certificate, now } from '../../agent/show/fixtures.js';

const away: Diagnosis = {
  cause: 'token-away',
  severity: 'critical',
  sentence: 'The token is not there.',
  cure: { by: 'waiting', advice: 'Bring it back; what waits goes on by itself.', alone: true },
};
const left: Diagnosis = {
  cause: 'refused',
  severity: 'error',
  sentence: 'No.',
  cure: { by: 'resubmit', advice: 'Nothing: it is asked again.', alone: true },
};

function snapshot(
  certificates: readonly CertificateSnapshot[],
  diagnoses: readonly Diagnosis[] = [],
  certmonger: AgentSnapshot['certmonger'] = { running: true },
): AgentSnapshot {
  const token = { label: 'hsm', reachable: true, pin: 'fine', login: 'no PIN', signatures: 0, lookedAt: now } as const;
  return {
    at: now,
    version: '1',
    startedAt: now,
    certmonger,
    instances: [{ name: 'hsmonger', token, diagnoses, certificates }],
    requests: [],
    counters: { renewals: [], failures: [], heals: [], signatures: [] },
    events: [],
  };
}

test('one trouble of the instance and of its certificates is told once, with whom it concerns and what a person does', () => {
  const text = agentStatusText(
    snapshot([certificate('ocsp', { diagnosis: away }), certificate('audit', { diagnosis: left }), certificate('ca')], [away]),
    now,
    false,
  );
  expect(text.slice(text.indexOf('critical'))).toBe(
    `critical  token-away: The token is not there.
          Concerns: 'ocsp'
          -> To do: Bring it back; what waits goes on by itself.
error     refused: No.
          Concerns: 'audit'
          -> Heals by itself: Nothing: it is asked again.
`,
  );
  expect(text).toContain("hsmonger: token 'hsm' answers, no PIN there\n");
});

test('the worst comes first, and of two alike what waits for a person', () => {
  const healing: Diagnosis = { ...left, sentence: 'Healing.' };
  const asking: Diagnosis = { ...left, sentence: 'Asking.', cure: { by: 'a person', advice: 'Look.', alone: false } };
  expect(
    problemsOf([{ name: 'x', diagnoses: [healing, asking, away], certificates: [] }]).map(({ diagnosis }) => diagnosis.sentence),
  ).toEqual([away.sentence, 'Asking.', 'Healing.']);
  expect(cureWord({ by: 'move PIN aside', advice: '', alone: true })).toBe('To do');
});

test('that certmonger is away is said once', () => {
  const sentence = 'certmonger does not run; start it with systemctl start certmonger.';
  const [head = ''] = agentStatusText(snapshot([], [], { running: false, trouble: sentence }), now, false).split('\n');
  expect(head).toBe(`hsmonger 1, up since ${now.toISOString().slice(0, 16).replace('T', ' ')} UTC; ${sentence}`);
});

test('an event is a line with its time, its certificate named once, whatever it contains', () => {
  expect(eventText({ kind: 'healed', instance: 'hsmonger', nickname: 'ocsp', message: "'ocsp' is well again." }, now)).toBe(
    "2027-03-05T09:30:00Z healed     hsmonger: 'ocsp' is well again.",
  );
  expect(eventText({ kind: 'failed', instance: 'hsmonger', nickname: 'ocsp', message: 'It failed.' }, now)).toBe(
    "2027-03-05T09:30:00Z failed     hsmonger 'ocsp': It failed.",
  );
  expect(eventText({ kind: 'failed', instance: 'hsmonger', nickname: '', message: 'a\nb\u001b[2J' }, now).split('\n')).toHaveLength(1);
});
