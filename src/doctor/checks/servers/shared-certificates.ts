import type { Certificate } from '../../../x509/certificate.js';
import { equalBytes } from '../../../x509/der.js';
import { sameKey } from '../../../x509/public-key.js';
import { readableCertificates } from '../../../x509/readable-certificates.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { read, type ReadCertificate } from '../chain/read.js';

/** cn=NICKNAME,cn=ca_renewal: what the renewal master has published, and the others take. */
export const sharedCertificates: Check = {
  source: 'hsmonger.servers',
  name: 'SharedCertificates',
  about: 'What is published for all servers under cn=ca_renewal is what lies here.',
  run: ({ servers: { directory }, chain }) => {
    if (directory === undefined)
      return [{ severity: 'success', key: 'all', message: 'This instance has no directory, and shares nothing.' }];
    return known(directory, ({ shared, servers }) =>
      known(chain, (facts) => {
        const here = servers.some((server) => server.here && server.renewalMaster);
        return orFine(
          read(facts).flatMap((one) => {
            const published = shared.find(({ nickname }) => nickname === one.nickname)?.published;
            // Nothing is published before the first renewal.
            return published === undefined || published.length === 0 ? [] : compared(one, readableCertificates(published), here);
          }),
          'What is published is what lies here.',
        );
      }),
    );
  },
};

function compared({ nickname, certificate }: ReadCertificate, published: readonly Certificate[], master: boolean): Finding[] {
  if (published.some(({ der }) => equalBytes(der, certificate.der))) return later(nickname, certificate, published);
  const ours = published.filter(({ spki }) => sameKey(spki, certificate.spki));
  if (ours.length === 0)
    return [
      {
        severity: 'error',
        key: nickname,
        message: `What is published for '${nickname}' under cn=ca_renewal has another key than the certificate here, so no server can take it.`,
        fix: 'Find out whose it is; servers of one CA share the keys of these certificates.',
      },
    ];
  const newest = later(nickname, certificate, ours);
  if (newest.length > 0) return newest;
  return [
    {
      severity: master ? 'error' : 'warning',
      key: nickname,
      message: `The certificate '${nickname}' here is later than what is published under cn=ca_renewal, so other servers do not get it.`,
      fix: master
        ? `Publish it with: hsmonger renew '${nickname}'.`
        : 'See why the renewal master did not publish it: hsmonger status on that server.',
    },
  ];
}

function later(nickname: string, certificate: Certificate, published: readonly Certificate[]): Finding[] {
  const newest = published.filter(({ notAfter, spki }) => notAfter > certificate.notAfter && sameKey(spki, certificate.spki));
  return newest.length === 0
    ? []
    : [
        {
          severity: 'warning',
          key: nickname,
          message: `A later certificate than the one here is published for '${nickname}' under cn=ca_renewal.`,
          fix: `The agent takes it within minutes, and without it: hsmonger renew '${nickname}'.`,
          remedy: { kind: 'resubmit', nickname },
        },
      ];
}
