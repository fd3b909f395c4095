import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

/** pkidbuser, ipara and the authorities: a server whose entry is of another certificate cannot log in to its own database. */
export const pkiEntries: Check = {
  source: 'hsmonger.servers',
  name: 'PkiEntries',
  about: "Dogtag's users and authorities in the directory know the certificates that lie here.",
  run: ({ servers: { directory }, instance }) => {
    if (directory === undefined)
      return [{ severity: 'success', key: 'all', message: 'This instance has no directory with entries of Dogtag in it.' }];
    return known(directory, ({ entries }) =>
      orFine(
        entries.flatMap(({ nickname, of, state }): Finding[] => {
          const where = `${of} below ${instance.directory?.pkiBase ?? ''}`;
          switch (state) {
            case 'current':
              return [];
            case 'stale':
              return [
                {
                  severity: 'error',
                  key: nickname,
                  message: `The ${where} know another certificate than '${nickname}' as it lies here, so Dogtag turns it away.`,
                  fix: 'Finish its saving on the renewal master with: hsmonger renew.',
                },
              ];
            case 'none':
              return [
                {
                  severity: 'warning',
                  key: nickname,
                  message: `None of the ${where} has the names of the certificate '${nickname}'.`,
                  fix: 'Look whether this server may read there, and whether the entry is there at all.',
                },
              ];
          }
        }),
        "Dogtag's entries know the certificates.",
      ),
    );
  },
};
