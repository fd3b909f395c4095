import type { DoctorFacts } from '../../facts.js';
import type { Finding } from '../../finding.js';
import { orFine } from '../../known.js';
import { storesOf } from '../../stores.js';

/** The findings about keys; where no store was opened, that the keys were not looked at. `fine` ends the sentence "Each certificate …". */
export function orUnopened(facts: DoctorFacts, seen: number, findings: readonly Finding[], fine: string): readonly Finding[] {
  if (!storesOf(facts).some(({ opened }) => opened))
    return [{ severity: 'success', key: 'keys', message: 'The keys were not looked at: --login does.' }];
  return orFine(findings, `Each of ${String(seen)} certificates ${fine}.`, 'keys');
}
