import { connectAgent } from '../../../dbus/agent/client.js';
import type { AgentSnapshot, InstanceSnapshot } from '../../agent/report/snapshot.js';
import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import { decode } from '../../service/wire.js';
import type { StatusRow } from './rows.js';
import type { StatusReport } from './table.js';

const patienceMs = 3000;

/** What a running agent sees of the instance; undefined where none runs, or answers us, in time: status needs no agent. */
export async function agentView(
  instance: string,
  bus: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<InstanceSnapshot | undefined> {
  try {
    const agent = await connectAgent(bus, env);
    const limit = setTimeout(() => {
      agent.disconnect();
    }, patienceMs);
    try {
      return (decode(await agent.snapshot()) as AgentSnapshot).instances.find(({ name }) => name === instance);
    } finally {
      clearTimeout(limit);
      agent.disconnect();
    }
  } catch {
    return undefined;
  }
}

/**
 * The agent has probed and knows what lasted how long: what it says is wrong comes before what one look guesses, and so does its moment of
 * the next renewal.
 */
export function withAgentView(report: StatusReport, seen: InstanceSnapshot | undefined): StatusReport {
  if (seen === undefined) return report;
  const rows = report.rows.map((row): StatusRow => {
    const certificate = seen.certificates.find(({ nickname }) => nickname === row.nickname);
    const { diagnosis, renewal } = certificate ?? {};
    return {
      ...row,
      ...(renewal === undefined ? {} : { nextRenewal: renewal.planned }),
      ...(diagnosis === undefined ? {} : { problem: inWords(diagnosis) }),
    };
  });
  // Told with a request too, or as what this look itself could not ask: once.
  const told = (sentence: string) =>
    report.troubles.some((trouble) => trouble.startsWith(sentence) || sentence.startsWith(trouble)) ||
    rows.some(({ problem }) => problem?.startsWith(sentence) === true);
  const unasked = report.rows.some(({ state }) => state === 'unknown');
  const more = seen.diagnoses.filter(({ cause, sentence }) => !told(sentence) && !(unasked && cause === 'certmonger-away')).map(inWords);
  const ofRow = (trouble: string) => rows.some(({ problem }) => problem?.startsWith(trouble) === true);
  return { ...report, rows, troubles: [...report.troubles.filter((trouble) => !ofRow(trouble)), ...more] };
}

function inWords({ sentence, cure }: Diagnosis): string {
  return `${sentence} ${cure.advice}`;
}
