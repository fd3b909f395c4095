import { HsmongerError } from '../../../errors.js';
import { archive, archiveFile, isArchived } from '../../../renewal/archive.js';
import { mayGo, pruningOf, type Pruning } from '../../../renewal/pruning.js';
import { archiveDirectory } from '../../../renewal/saving-context.js';
import { supersededOn, type Superseded } from '../../../renewal/superseded-on-token.js';
import type { TokenDescription } from '../../../pkcs11/token.js';
import { nameText } from '../../../x509/names/name.js';
import { readableObjects } from '../../../x509/readable-certificates.js';
import type { ServiceContext } from '../../context.js';
import { hex } from '../../../platform/hex.js';

export interface PrunedCertificate {
  readonly label: string;
  /** RFC 4514. */
  readonly subject: string;
  readonly issuer: string;
  /** Hex. */
  readonly serial: string;
  readonly notAfter: Date;
  /** Serial and end of what took its place. */
  readonly by: { readonly serial: string; readonly notAfter: Date };
  /** Where it is kept, or would be. */
  readonly file: string;
  /** kept: still within the grace time other servers have to take the new one. left: to `instance`. */
  readonly outcome: 'removed' | 'would be removed' | 'kept' | 'left';
  /** Whose file names it: that says which other servers use it. */
  readonly instance?: string;
}

export interface PruneWish {
  readonly remove: boolean;
  /** Certificates of other instances on this token, by their nicknames. */
  readonly left: readonly { readonly nickname: string; readonly instance: string }[];
}

export interface Pruned {
  readonly token: TokenDescription;
  readonly certificates: readonly PrunedCertificate[];
}

/**
 * Lists the superseded certificates on the token, and removes them where `remove`: each is in the archive first. Never a key. NOT_PERMITTED
 * where this host may not (design rule 11).
 */
export async function pruneCertificates(context: ServiceContext, { remove, left }: PruneWish): Promise<Pruned> {
  const { instance } = context;
  const { pruning, why } = await pruningOf(context);
  if (remove) assertMay(pruning, why);
  const token = await context.openToken({ access: remove ? 'write' : 'read' });
  // What cannot be read is nobody's to remove.
  const superseded = supersededOn(context.clock(), readableObjects(await token.certificates()));
  const directory = archiveDirectory(context);
  const certificates: PrunedCertificate[] = [];
  for (const { old, by } of superseded) {
    const other = left.find(({ nickname }) => nickname === old.label || nickname === by.label);
    // Nobody wrote down when it was superseded: not before its successor began.
    const due =
      pruning === 'at once' || mayGo('after the grace time', by.certificate.notBefore, context.clock(), instance.saving.graceDays);
    const name = old.label === '' ? 'unlabelled' : old.label;
    if (remove && due && other === undefined) {
      archive(directory, name, old.certificate);
      if (!isArchived(directory, name, old.certificate))
        throw new HsmongerError(
          'STATE_UNAVAILABLE',
          `The certificate '${name}' is not in ${directory} after it was written there, so it was not removed from the token; check the disk.`,
        );
      await token.destroyCertificates(old.der);
    }
    certificates.push({
      ...reported({ old, by }),
      file: archiveFile(directory, name, old.certificate),
      ...(other === undefined ? {} : { instance: other.instance }),
      outcome: other !== undefined ? 'left' : !due ? 'kept' : remove ? 'removed' : 'would be removed',
    });
  }
  return { token: token.description, certificates };
}

function assertMay(pruning: Pruning, why: string | undefined): void {
  switch (pruning) {
    case 'at once':
    case 'after the grace time':
      return;
    case 'never':
      throw new HsmongerError(
        'NOT_PERMITTED',
        'Other servers use this token, and only the renewal master removes certificates from it; run this there.',
      );
    case 'unknown':
      throw new HsmongerError(
        'DIRECTORY_UNAVAILABLE',
        `Whether other servers use this token cannot be told, so nothing is removed from it: ${why ?? 'the directory could not be opened as this user'}`,
      );
  }
}

function reported({ old, by }: Superseded): Omit<PrunedCertificate, 'file' | 'outcome' | 'instance'> {
  const { subject, issuer, serial, notAfter } = old.certificate;
  return {
    label: old.label,
    subject: nameText(subject),
    issuer: nameText(issuer),
    serial: hex(serial),
    notAfter,
    by: { serial: hex(by.certificate.serial), notAfter: by.certificate.notAfter },
  };
}
