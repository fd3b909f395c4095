import { sentenceOf } from '../../../errors.js';
import { nameText } from '../../../x509/names/name.js';
import { assertStrongKey } from '../../../x509/public-key.js';
import type { Certificate } from '../../../x509/certificate.js';
import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { above, read } from './read.js';

/** By the rule renewals go by: what is told here is not certified anew. */
export const keysStrong: Check = {
  source: 'hsmonger.chain',
  name: 'KeysStrong',
  about: 'No key, and none above it, is too weak to be certified again: RSA of 2048 bits or more, P-256, P-384, P-521, Ed25519.',
  run: ({ chain }) =>
    known(chain, (facts) =>
      orFine(
        read(facts).flatMap(({ nickname, certificate }) =>
          [certificate, ...above(certificate, facts)].flatMap((one) => finding(nickname, one)),
        ),
        'Every key is strong enough to be certified again.',
      ),
    ),
};

function finding(nickname: string, { spki, subject }: Certificate): Finding[] {
  try {
    assertStrongKey(spki, `The key of ${nameText(subject)}, on which '${nickname}' rests,`);
    return [];
  } catch (error) {
    return [
      {
        severity: 'error',
        key: nickname,
        message: sentenceOf(error),
        fix: 'It has to be replaced by a certificate with another key, which hsmonger never makes: hsmonger token keygen, then issue and configure the new one.',
      },
    ];
  }
}
