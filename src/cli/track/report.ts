import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { Step } from '../../tracking/apply.js';
import type { Warning } from '../../tracking/freeipa-table.js';
import type { Change, Difference } from '../../tracking/plan.js';
import type { Refusal } from '../../tracking/preflight.js';
import { harmless } from '../output.js';

/** A change for programs. */
interface ChangeReport {
  readonly kind: Change['kind'];
  readonly id: string;
  readonly nickname: string | undefined;
  readonly differences: readonly Difference[];
}

export interface PlanReport {
  readonly instance: string;
  readonly changes: readonly ChangeReport[];
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly Warning[];
}

interface Planned {
  readonly changes: readonly Change[];
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly Warning[];
}

export function planReport(instance: string, { changes, refusals, warnings }: Planned): PlanReport {
  return { instance, changes: changes.map(changeReport), refusals, warnings };
}

export function planText(instance: string, { changes, refusals, warnings }: Planned): string {
  const told = warnings.map(({ check, problem }) => `warning (${check}): ${harmless(problem)}\n`);
  if (changes.length === 0 && refusals.length === 0)
    return [`Nothing to change: certmonger's requests of instance '${instance}' are as they should be.\n`, ...told].join('');
  return [...changes.map(changeText), ...(refusals.length === 0 ? [] : [refusalText(refusals)]), ...told].join('');
}

export function refusalText(refusals: readonly Refusal[]): string {
  return refusals.map(({ check, problem, fix }) => `refused (${check}): ${harmless(problem)}\n  ${harmless(fix)}\n`).join('');
}

export function stepReport({ change, outcome, status, message }: Step): ChangeReport & Omit<Step, 'change' | 'code'> {
  return { ...changeReport(change), outcome, ...(status === undefined ? {} : { status }), ...(message === undefined ? {} : { message }) };
}

export function stepText({ change, outcome, message }: Step): string {
  const { id } = changeReport(change);
  const what = outcome === 'done' ? done[change.kind] : outcome;
  return `${what} ${harmless(id)}${message === undefined ? '' : `: ${harmless(message)}`}\n`;
}

/** A request for programs: all certmonger tells, dates as ISO 8601; the object path is nobody's business. */
export function listReport(request: TrackingRequest): Omit<TrackingRequest, 'path'> & { readonly path: undefined } {
  return { ...request, path: undefined };
}

const done = { add: 'added', modify: 'modified', replace: 'replaced', remove: 'removed' } as const;

function changeReport(change: Change): ChangeReport {
  switch (change.kind) {
    case 'add':
      return { kind: change.kind, id: change.request.id, nickname: change.request.nickname, differences: [] };
    case 'modify':
    case 'replace':
      return { kind: change.kind, id: change.request.id, nickname: change.request.nickname, differences: change.differences };
    case 'remove':
      return { kind: change.kind, id: change.id, nickname: change.nickname, differences: [] };
  }
}

function changeText(change: Change): string {
  const { kind, id, nickname, differences } = changeReport(change);
  const value = (text: string | undefined) => (text === undefined ? '(none)' : `'${harmless(text)}'`);
  const lines = differences.map(({ field, now, wanted }) => `  ${field}: ${value(now)} -> ${value(wanted)}\n`);
  return `${kind} ${harmless(id)}${nickname === undefined ? '' : ` ('${harmless(nickname)}')`}\n${lines.join('')}`;
}
