import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { orFine } from '../../known.js';

export const ledgerSound: Check = {
  source: 'hsmonger.state',
  name: 'LedgerSound',
  about: 'The ledger, the journal in it and the memory of failed logins can be read and are whole.',
  run: ({ state }) => {
    if (!state.known)
      return [
        {
          severity: 'error',
          key: 'state',
          message: `What is remembered of this instance cannot be read: ${state.why}`,
          fix: 'Mend what it names; a ledger that is lost is made anew once the file is moved away, and serial numbers stay unique without it.',
        },
      ];
    return orFine(
      state.value.faults.map(({ file, fault }): Finding => ({
        severity: 'critical',
        key: file,
        message: `${file} is damaged: ${fault}`,
        fix: 'Copy it away, restore the last backup or recover it (sqlite3 FILE .recover), and find out what the disk has.',
      })),
      'Ledger, journal and memory of failed logins are whole.',
      'state',
    );
  },
};
