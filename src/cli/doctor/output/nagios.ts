import type { FindingSeverity } from '../../../doctor/finding.js';
import type { Result } from '../../../doctor/run.js';
import { countOf, counted, worstOf } from '../../../doctor/severity.js';
import { harmless } from '../../output.js';

/** The plug-in's exit codes and words (Monitoring Plugins Development Guidelines, "Plugin Return Codes"). */
const states: Readonly<Record<FindingSeverity, { readonly word: string; readonly exitCode: 0 | 1 | 2 }>> = {
  success: { word: 'OK', exitCode: 0 },
  warning: { word: 'WARNING', exitCode: 1 },
  error: { word: 'CRITICAL', exitCode: 2 },
  critical: { word: 'CRITICAL', exitCode: 2 },
};

export function nagiosExit(results: readonly Result[]): 0 | 1 | 2 {
  return states[worstOf(results)].exitCode;
}

/** One status line with performance data: the worst finding, and how many more there are. */
export function nagiosLine(results: readonly Result[], seconds: number): string {
  const counts = countOf(results);
  const severity = worstOf(results);
  const worst = results.filter((result) => result.severity === severity);
  const more = counts.warning + counts.error + counts.critical - 1;
  const [first] = worst;
  const text =
    severity === 'success' || first === undefined
      ? `nothing is wrong (${counted(counts.success)})`
      : `${first.instance}: ${first.message}${more === 0 ? '' : ` (and ${String(more)} more)`}`;
  const data = `critical=${String(counts.critical)};;0;0 error=${String(counts.error)};;0;0 warning=${String(counts.warning)};0;;0 success=${String(counts.success)};;;0 time=${seconds.toFixed(3)}s;;;0`;
  return `HSMONGER ${states[severity].word} - ${plain(text)} | ${data}\n`;
}

/** Exit code 3: the doctor itself could not look. */
export const nagiosUnknown = 3;

export function nagiosUnknownLine(why: string): string {
  return `HSMONGER UNKNOWN - ${plain(why)}\n`;
}

/** A bar begins performance data. */
function plain(text: string): string {
  return harmless(text).replaceAll('|', '/');
}
