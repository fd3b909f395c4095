import { restingState } from '../../../dbus/states.js';
import { cureWord, problemsOf, type Problem } from '../../agent/report/problems.js';
import type { AgentSnapshot, CertificateSnapshot, InstanceSnapshot, TokenSnapshot } from '../../agent/report/snapshot.js';
import { columns, harmless, painted, type Cell } from '../output.js';

/** A table for each instance, then what is wrong with what is done about it. */
export function agentStatusText(snapshot: AgentSnapshot, now: Date, colour: boolean): string {
  const { certmonger, instances, startedAt, version } = snapshot;
  const head = `hsmonger ${harmless(version)}, up since ${startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC; ${certmongerText(certmonger)}\n`;
  return [head, ...instances.map((instance) => `\n${instanceText(instance, now, colour)}`)].join('');
}

export function agentNeedsAttention({ certmonger, instances }: AgentSnapshot): boolean {
  return (
    !certmonger.running ||
    instances.some(({ diagnoses, certificates }) => diagnoses.length > 0 || certificates.some(({ diagnosis }) => diagnosis !== undefined))
  );
}

/** Its trouble says itself that it does not run. */
function certmongerText({ running, trouble }: AgentSnapshot['certmonger']): string {
  if (!running) return harmless(trouble ?? 'certmonger does not run.');
  return trouble === undefined ? 'certmonger runs' : `certmonger runs: ${harmless(trouble)}`;
}

function instanceText(instance: InstanceSnapshot, now: Date, colour: boolean): string {
  const { name, token, otherTokens = [], certificates } = instance;
  const title = `${harmless(name)}${token === undefined ? '' : `: ${[token, ...otherTokens].map(tokenText).join('; ')}`}\n`;
  const table = columns(
    ['CERTIFICATE', 'STATE', 'DAYS LEFT', 'RENEWAL', 'PROBLEM'],
    certificates.map((certificate) => cells(certificate, now)),
    colour,
  );
  const problems = problemsOf([instance]).map((problem) => problemText(problem, colour));
  return `${title}${table}${problems.length === 0 ? '' : `\n${problems.join('')}`}`;
}

const logins: Readonly<Record<TokenSnapshot['login'], string>> = {
  proven: 'PIN proven',
  refused: 'PIN refused',
  'no PIN': 'no PIN there',
  unanswered: 'PIN not answered',
  unknown: 'PIN not tried',
};

function tokenText({ label, lookedAt, reachable, login, signLatencyMs }: TokenSnapshot): string {
  const standing = lookedAt === undefined ? 'was not looked at yet' : reachable ? 'answers' : 'does not answer';
  return `token '${harmless(label)}' ${standing}, ${logins[login]}${signLatencyMs === undefined ? '' : `, last signature ${signLatencyMs.toFixed(1)} ms`}`;
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

/** As the doctor tells a finding: what is wrong, then what to do. */
function problemText({ diagnosis: { severity, cause, sentence, cure }, nicknames }: Problem, colour: boolean): string {
  const indent = ' '.repeat(10);
  const whose = nicknames.length === 0 ? '' : `${indent}Concerns: ${nicknames.map((nickname) => `'${harmless(nickname)}'`).join(', ')}\n`;
  return `${painted({ text: severity.padEnd(8), style: severity === 'warning' ? 'yellow' : 'red' }, colour)}  ${cause}: ${harmless(sentence)}\n${whose}${indent}-> ${cureWord(cure)}: ${harmless(cure.advice)}\n`;
}
