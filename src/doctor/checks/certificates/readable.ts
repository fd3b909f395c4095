import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { orFine } from '../../known.js';
import { unreadable } from '../../stores.js';

export const certificateReadable: Check = {
  source: 'hsmonger.certificates',
  name: 'CertificateReadable',
  about: 'Every certificate object on the token and in the NSS database is a certificate.',
  run({ token, internal, instance }): readonly Finding[] {
    const lists = [
      ...(token.known && token.value !== 'none' && token.value.token.ok
        ? [{ where: `on the token '${token.value.token.description.label}'`, certificates: token.value.token.certificates }]
        : []),
      ...(internal.known && internal.value !== 'none'
        ? [{ where: `in the NSS database ${instance.nss.database}`, certificates: internal.value.certificates }]
        : []),
    ];
    const findings = lists.flatMap(({ where, certificates }) =>
      unreadable(certificates).map(({ label, id }): Finding => ({
        severity: 'warning',
        key: label === '' ? Buffer.from(id).toString('hex') : label,
        message: `The certificate object '${label}' (CKA_ID ${Buffer.from(id).toString('hex')}) ${where} is no certificate that can be read.`,
        fix: 'Export what it holds, and remove that certificate object if nobody needs it.',
      })),
    );
    return orFine(findings, 'Every certificate object can be read.', 'certificates');
  },
};
