import type { FindingSeverity } from '../../../doctor/finding.js';
import type { Result } from '../../../doctor/run.js';
import { countOf, counted } from '../../../doctor/severity.js';
import { harmless, painted, type Cell } from '../../output.js';

const styles: Readonly<Record<FindingSeverity, NonNullable<Cell['style']>>> = {
  success: 'green',
  warning: 'yellow',
  error: 'red',
  critical: 'red',
};

/**
 * For a person: those shown, the worst last, where a terminal leaves them in sight, each with what to do; then how many there are of each.
 */
export function humanText(results: readonly Result[], all: readonly Result[], colour: boolean): string {
  const several = new Set(all.map(({ instance }) => instance)).size > 1;
  const order: readonly FindingSeverity[] = ['success', 'warning', 'error', 'critical'];
  const lines = order.flatMap((severity) =>
    results.filter((result) => result.severity === severity).map((result) => lineOf(result, several, colour)),
  );
  const { success, warning, error, critical } = countOf(all);
  const summary =
    warning + error + critical === 0
      ? `Nothing is wrong (${counted(success)}).\n`
      : `${String(critical)} critical, ${String(error)} error, ${String(warning)} warning, ${String(success)} success.\n`;
  return lines.join('') + summary;
}

function lineOf({ severity, check, instance, message, fix }: Result, several: boolean, colour: boolean): string {
  const head = painted({ text: severity.padEnd(8), style: styles[severity] }, colour);
  const whose = several ? `${instance}: ` : '';
  return `${head}  ${whose}${check}: ${harmless(message)}\n${fix === undefined ? '' : `${' '.repeat(10)}-> ${harmless(fix)}\n`}`;
}
