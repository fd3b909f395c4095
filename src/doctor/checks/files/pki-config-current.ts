import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

/** PKI before 11.5 takes its certificates from CS.cfg, and every version the KRA's transport certificate. */
export const pkiConfigCurrent: Check = {
  source: 'hsmonger.files',
  name: 'PkiConfigCurrent',
  about: "The copies of certificates in Dogtag's CS.cfg are the certificates.",
  run: ({ files, chain }) =>
    known(files, ({ pkiConfig }) => {
      if (pkiConfig === undefined)
        return [{ severity: 'success', key: 'CS.cfg', message: 'This instance keeps no certificates in CS.cfg.' }];
      if (!pkiConfig.known)
        return [
          {
            severity: 'error',
            key: 'CS.cfg',
            message: `The copies in CS.cfg could not be compared: ${pkiConfig.why}`,
            fix: 'Mend that; the server reads this file at its start.',
          },
        ];
      return known(chain, ({ certificates }) =>
        orFine(
          pkiConfig.value.flatMap(({ nickname, file, directive, value }): Finding[] => {
            const der = certificates.find((one) => one.nickname === nickname)?.der;
            // A newer PKI keeps none, and none is added.
            if (der === undefined || value === undefined || value === Buffer.from(der).toString('base64')) return [];
            return [
              {
                severity: 'error',
                key: directive,
                message: `${directive} in ${file} is not the certificate '${nickname}', with which the server runs then.`,
                fix: `Finish its saving with: hsmonger renew '${nickname}'; or stop the server, write the certificate there, and start it.`,
              },
            ];
          }),
          'The copies in CS.cfg are the certificates.',
          'CS.cfg',
        ),
      );
    }),
};
