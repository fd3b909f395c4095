import { sameTrust, trustOf } from '../../../nss/trust.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { ofNssContents, orFine } from '../../known.js';
import { trustFinding } from './trust-finding.js';

/** ipa-healthcheck never gets as far for a CA on an HSM: its comparison joins token and nickname without the colon (IPACertNSSTrust). */
export const nssTokenTrust: Check = {
  source: 'hsmonger.nss',
  name: 'NssTokenTrust',
  about: 'NSS gives each certificate on the token the trust its profile asks for, and finds its key; seen with --login only.',
  run: (facts) =>
    ofNssContents(facts, ({ onToken }) => {
      const { instance, token } = facts;
      const onTheToken = instance.certificates.filter(({ storage }) => storage.kind === 'token');
      // As with a CA whose certificate stands in the file of the one above it.
      if (instance.token === undefined || onTheToken.length === 0)
        return orFine([], `No certificate of instance '${instance.name}' lies on a token, to be trusted there.`, 'trust');
      if (onToken === undefined)
        return [{ severity: 'success', key: 'trust', message: "NSS's view of the token was not looked at: --login does." }];
      if (!onToken.ok) {
        // What keeps us from logging in as well has been told.
        if (token.known && token.value !== 'none' && token.value.login?.ok !== true) return [];
        return [
          {
            severity: 'error',
            key: 'trust',
            message: onToken.problem,
            fix: `Look as user '${instance.user}': certutil -L -d sql:${instance.nss.database} -h TOKEN.`,
          },
        ];
      }
      const { listed } = onToken;
      const findings = onTheToken.flatMap(({ nickname, profile }): Finding[] => {
        const wanted = trustOf(profile);
        const found = listed.filter((each) => each.nickname === nickname).map(({ trust }) => trust);
        if (found.length === 0) return [];
        if (!found.some((trust) => sameTrust(trust, wanted)))
          return [trustFinding({ nickname, wanted, found, store: 'token', where: 'NSS, on the token' })];
        if (found.some((trust) => trust.includes('u'))) return [];
        return [
          {
            severity: 'error',
            key: nickname,
            message: `NSS does not find the private key of '${nickname}' on the token (its trust has no 'u').`,
            fix: 'Compare the CKA_ID of certificate and key: hsmonger token keys; KeyPresent and KeyId say more.',
          },
        ];
      });
      return orFine(findings, 'NSS gives every certificate on the token its trust.', 'trust');
    }),
};
