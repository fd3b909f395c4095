import { stateDirectory } from '../../config/directories.js';
import { readCaCertificates } from '../../directory/ca-certificates.js';
import { readCaFile } from '../../issuer/dogtag/ca-file.js';
import { readImported } from '../../issuer/external/imported.js';
import type { Certificate } from '../../x509/certificate.js';
import { sameName } from '../../x509/names/name.js';
import { findPath, type Path } from '../../x509/path.js';
import type { SavingContext } from '../saving-context.js';

/**
 * CA certificates this host keeps beside those at hand on the token and in the NSS database: what came with an outside CA's answer for the
 * certificate or its issuer, and what a Dogtag server is known by.
 */
export function keptAbove(
  { directories, instance }: SavingContext,
  certificate: Certificate,
  atHand: readonly Certificate[],
): Certificate[] {
  const { issuer } = instance;
  const issuers = atHand.filter(({ subject }) => sameName(subject, certificate.issuer));
  return [
    ...[certificate, ...issuers].flatMap(({ spki }) =>
      orNothing(() => readImported(stateDirectory(directories, instance), spki)?.chain ?? []),
    ),
    ...(issuer.type === 'dogtag' ? orNothing(() => readCaFile(issuer.caFile).certificates) : []),
  ];
}

/** What stands above the certificate, up to a root: by what is at hand, and only where that is not enough by what the domain trusts. */
export async function pathAbove(
  { instance, directory, directoryTrouble, clock }: SavingContext,
  certificate: Certificate,
  atHand: readonly Certificate[],
): Promise<Path | { readonly fault: string }> {
  const path = findPath(certificate, atHand, clock());
  if (!('fault' in path) || instance.directory === undefined) return path;
  if (directory === undefined) {
    if (directoryTrouble !== undefined) throw directoryTrouble;
    return path;
  }
  return findPath(certificate, [...atHand, ...(await readCaCertificates(directory, instance.directory.base))], clock());
}

/** It is one source of several: what cannot be read there is missed where no other has it. */
function orNothing(read: () => readonly Certificate[]): readonly Certificate[] {
  try {
    return read();
  } catch {
    return [];
  }
}
