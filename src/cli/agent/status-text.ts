import { restingState } from '../../../dbus/states.js';
import type { AgentSnapshot, CertificateSnapshot, InstanceSnapshot } from '../../agent/snapshot.js';
import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import { columns, harmless, type Cell } from '../output.js';

/** A table for each instance, then what is wrong with what is done about it. */
export function agentStatusText(snapshot: AgentSnapshot, now: Date, colour: boolean): string {
  const { certmonger, instances, startedAt, version } = snapshot;
  const head = `hsmonger ${harmless(version)}, up since ${startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC; certmonger ${certmonger.running ? 'runs' : 'does not run'}${certmonger.trouble === undefined ? '' : `: ${harmless(certmonger.trouble)}`}\n`;
  return [head, ...instances.map((instance) => `\n${instanceText(instance, now, colour)}`)].join('');
}

export function agentNeedsAttention({ certmonger, instances }: AgentSnapshot): boolean {
  return !certmonger.running || instances.some(({ diagnoses, certificates }) => diagnoses.length > 0 || certificates.some(({ diagnosis }) => diagnosis !== undefined));
}

function instanceText({ name, token, diagnoses, certificates }: InstanceSnapshot, now: Date, colour: boolean): string {
  const title = `${harmless(name)}${token === undefined ? '' : `: token '${harmless(token.label)}' ${token.lookedAt === undefined ? 'was not looked at yet' : token.reachable ? 'answers' : 'does not answer'}, PIN ${token.login}${token.signLatencyMs === undefined ? '' : `, last signature ${token.signLatencyMs.toFixed(1)} ms`}`}\n`;
  const table = columns(['CERTIFICATE', 'STATE', 'DAYS LEFT', 'RENEWAL', 'PROBLEM'], certificates.map((certificate) => cells(certificate, now)), colour);
  const problems = [...diagnoses.map((diagnosis) => problemText(diagnosis)), ...certificates.flatMap(({ nickname, diagnosis }) => (diagnosis === undefined ? [] : [problemText(diagnosis, nickname)]))];
  return `${title}${table}${problems.length === 0 ? '' : `\n${problems.join('')}`}`;
}

const day = 86_400_000;

function cells({ nickname, state, notAfter, renewal, diagnosis }: CertificateSnapshot, now: Date): Cell[] {
  const left = notAfter === undefined ? undefined : Math.floor((notAfter.getTime() - now.getTime()) / day);
  return [
    { text: nickname },
    { text: state, style: state === restingState ? 'green' : 'yellow' },
    { text: left === undefined ? '?' : String(left), ...(left !== undefined && left < 7 ? { style: 'red' as const } : {}) },
    { text: renewal === undefined ? '-' : renewal.planned.toISOString().slice(0, 16).replace('T', ' ') },
    { text: diagnosis?.cause ?? '', style: 'red' },
  ];
}

function problemText({ severity, cause, sentence, cure }: Diagnosis, nickname?: string): string {
  return `${severity} (${cause})${nickname === undefined ? '' : ` '${harmless(nickname)}'`}: ${harmless(sentence)}\n  ${cure.alone ? 'The agent does it: ' : ''}${harmless(cure.advice)}\n`;
}
