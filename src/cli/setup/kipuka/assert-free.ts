import type { Instance, InstanceSite } from '../../../config/instance.js';
import type { TokenContents } from '../../../service/tasks/token/inspect-token.js';
import { assertNoClashes, neighboursOf } from '../../../tracking/neighbours.js';
import type { Certificate } from '../../../x509/certificate.js';
import { sameName } from '../../../x509/names/name.js';
import { isSelfSigned } from '../../../x509/path.js';
import { readableObjects } from '../../../x509/readable-certificates.js';
import type { Adoption } from './judge.js';

/** PREFLIGHT_FAILED where the CA, as the instance that is to be, clashes with another instance of the host. Nothing is changed. */
export async function assertFree({ certificate, nickname }: Adoption, draft: InstanceSite, contents: TokenContents): Promise<void> {
  const renewer = isSelfSigned(certificate) ? undefined : neighboursOf(draft).find((other) => isIssuedBy(certificate, other, contents));
  await assertNoClashes(draft, {
    nickname,
    subject: certificate.subject,
    ca: true,
    ...(renewer === undefined ? {} : { renewer: renewer.name }),
  });
}

/** A subordinate's certificate may stand in the instance file of the CA that signed it, which renews it. */
function isIssuedBy({ issuer }: Certificate, { issuer: config }: Instance, { certificates }: TokenContents): boolean {
  return (
    config.type === 'token' &&
    readableObjects(certificates.filter(({ label }) => label === config.certificate)).some(({ certificate: { subject } }) =>
      sameName(subject, issuer),
    )
  );
}
