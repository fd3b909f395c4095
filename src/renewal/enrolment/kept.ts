import { HsmongerError, sentenceOf } from '../../errors.js';
import type { Taker } from '../../issuer/directory/take-shared.js';
import { readImported } from '../../issuer/external/imported.js';
import type { Issued } from '../../issuer/issuer.js';
import { acceptable } from '../../x509/acceptable.js';
import type { Certificate } from '../../x509/certificate.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateFromPem } from '../../x509/pem.js';
import type { EnrolmentParts } from './parts.js';
import type { Situation } from './situation.js';
import type { Request } from './request.js';

/** The certificate in the cookie, as long as it passes rule 3; another is asked for otherwise. */
export function storedCertificate(parts: EnrolmentParts, situation: Situation, request: Request): Promise<Issued | undefined> {
  const { progress } = request;
  if (progress?.state !== 'store') return Promise.resolve(undefined);
  return orPassedOver('The certificate that was kept to be published', () =>
    checkedAnswer(parts, situation, request, parseCertificate(certificateFromPem(progress.certificate)), []),
  );
}

/** What would be renewed here may have been given to another CA to sign, by `hsmonger ca import`; not where a CA is told to sign itself. */
export function importedCertificate(parts: EnrolmentParts, situation: Situation, request: Request): Promise<Issued | undefined> {
  if (parts.flags.forceSelfSigned) return Promise.resolve(undefined);
  return orPassedOver('The certificate that was imported', async () => {
    const found = readImported(parts.stateDirectory, request.csr.spki);
    return found === undefined ? undefined : checkedAnswer(parts, situation, request, found.certificate, found.chain);
  });
}

/** For whom a shared certificate is taken here. */
export function takerOf({ clock, missed }: EnrolmentParts, { facts }: Situation, { csr, old }: Request): Taker {
  const nickname = facts.shared?.nickname;
  return {
    csr,
    now: clock(),
    ...(old === undefined ? {} : { old }),
    ...(missed === undefined || nickname === undefined ? {} : { missed: (certificate) => missed(nickname, certificate) }),
  };
}

/** What is trusted, whoever issues. */
export async function trusted({ caFile }: EnrolmentParts, { store }: Situation): Promise<readonly Certificate[]> {
  return [...((await store?.authorities()) ?? []), ...(caFile?.() ?? [])];
}

async function checkedAnswer(
  parts: EnrolmentParts,
  situation: Situation,
  { csr, old }: Request,
  issued: Certificate,
  chain: readonly Certificate[],
): Promise<Issued> {
  const found = acceptable({
    now: parts.clock(),
    issued,
    authorities: [...chain, ...(await trusted(parts, situation))],
    csr,
    ...(old === undefined ? {} : { old }),
  });
  if ('fault' in found) throw new HsmongerError('ISSUED_WRONG', found.fault);
  return { certificate: issued.der, chain: found.chain.map(({ der }) => der), roots: found.roots.map(({ der }) => der) };
}

/** What is of no use is said and passed over; a directory that is away is no reason to think so. */
async function orPassedOver(what: string, work: () => Promise<Issued | undefined>): Promise<Issued | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HsmongerError && error.code.startsWith('DIRECTORY_')) throw error;
    process.stderr.write(`hsmonger-submit: ${what} is not used: ${sentenceOf(error)}\n`);
    return undefined;
  }
}
