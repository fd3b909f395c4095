import type { Check } from '../../doctor/check.js';
import type { FindingSeverity } from '../../doctor/finding.js';
import type { Result } from '../../doctor/run.js';
import { HsmongerError } from '../../errors.js';

/** The checks to run: a source stands for all that begin with it, part by part, as for ipa-healthcheck. USAGE when there is none such. */
export function chosenChecks(
  checks: readonly Check[],
  { source, check: name }: { readonly source: string | undefined; readonly check: string | undefined },
): readonly Check[] {
  const ofSource = checks.filter((check) => source === undefined || isBelow(check.source, source));
  if (ofSource.length === 0)
    throw new HsmongerError(
      'USAGE',
      `There is no source '${source ?? ''}' of checks; there are ${[...new Set(checks.map((check) => check.source.slice(ours.length)))].join(', ')}.`,
    );
  const chosen = ofSource.filter((check) => name === undefined || check.name === name);
  if (chosen.length === 0)
    throw new HsmongerError(
      'USAGE',
      `There is no check '${name ?? ''}'${source === undefined ? '' : ` of source '${source}'`}; 'hsmonger doctor --list' lists them.`,
    );
  return chosen;
}

/** ipa-healthcheck's sources begin with the package; who asks us need not say so. */
const ours = 'hsmonger.';

function isBelow(source: string, prefix: string): boolean {
  return source === prefix || source === `${ours}${prefix}` || source.startsWith(`${prefix}.`);
}

/** What is shown of the results; the exit code counts them all. */
export function shown(
  results: readonly Result[],
  { severity, failuresOnly }: { readonly severity: readonly FindingSeverity[] | undefined; readonly failuresOnly: boolean },
): readonly Result[] {
  return results.filter(
    (result) => (severity === undefined || severity.includes(result.severity)) && !(failuresOnly && result.severity === 'success'),
  );
}
