import { nameText } from '../../../x509/names/name.js';
import { isSelfSigned } from '../../../x509/path.js';
import { signatureScheme } from '../../../x509/signature.js';
import type { Certificate } from '../../../x509/certificate.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { above, read } from './read.js';

/** A root is believed by where it lies; nobody verifies its own signature. */
export const digestsStrong: Check = {
  source: 'hsmonger.chain',
  name: 'DigestsStrong',
  about: 'No certificate, and none above it, rests on a signature with MD5 or SHA-1.',
  run: ({ chain }) =>
    known(chain, (facts) =>
      orFine(
        read(facts).flatMap(({ nickname, certificate }) =>
          [certificate, ...above(certificate, facts)].flatMap((one) => finding(nickname, one)),
        ),
        'No signature rests on MD5 or SHA-1.',
      ),
    ),
};

function finding(nickname: string, certificate: Certificate): Finding[] {
  const digest = signatureScheme(certificate.signatureAlgorithm)?.digest ?? '';
  if (digest !== 'md5' && digest !== 'sha1') return [];
  if (isSelfSigned(certificate)) return [];
  return [
    {
      severity: 'error',
      key: nickname,
      message: `The certificate of ${nameText(certificate.subject)}, on which '${nickname}' rests, is signed with ${digest === 'md5' ? 'MD5' : 'SHA-1'}, which proves nothing any more.`,
      fix: 'Have it issued anew with SHA-256 or better (issuer.digest in the instance file, or the profile of the CA).',
    },
  ];
}
