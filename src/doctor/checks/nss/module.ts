import { moduleRegistered } from '../../../tracking/checks/module-registered.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { asFindings, ofNssContents, orFine } from '../../known.js';

export const nssModule: Check = {
  source: 'hsmonger.nss',
  name: 'NssModule',
  about: "The NSS database lists the instance's PKCS#11 module, and NSS sees the token in it.",
  run: (facts) =>
    ofNssContents(facts, (contents) => {
      const { instance, token } = facts;
      const { database } = instance.nss;
      const refusals = asFindings(
        moduleRegistered({
          instance,
          nss: { format: 'sql', registered: contents.registered },
          ...(instance.token === undefined ? {} : { token: instance.token }),
        }),
        'critical',
      );
      const label = token.known && token.value !== 'none' && token.value.token.ok ? token.value.token.description.label : undefined;
      const hidden: Finding[] =
        refusals.length > 0 || label === undefined || contents.tokens.includes(label)
          ? []
          : [
              {
                severity: 'critical',
                key: label,
                message: `NSS lists the module in ${database}, but sees no token '${label}' in it, while hsmonger does.`,
                fix: `Compare as user '${instance.user}': modutil -list -dbdir sql:${database}; another module of the same name may be listed.`,
              },
            ];
      return orFine(
        [...refusals, ...hidden],
        instance.token === undefined ? 'There is no module to list.' : `The NSS database ${database} lists the module.`,
        database,
      );
    }),
};
