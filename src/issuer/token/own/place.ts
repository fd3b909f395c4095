import { HsmongerError } from '../../../errors.js';
import type { Certificate } from '../../../x509/certificate.js';
import { nameText, sameName } from '../../../x509/names/name.js';
import { sameKey } from '../../../x509/public-key.js';

/** A certificate object that can be read. */
export interface Placed {
  readonly label: string;
  /** CKA_ID. */
  readonly id: Uint8Array;
  readonly certificate: Certificate;
}

/**
 * The CA's own certificates that are on the token already, the one that lasts longest first. Refuses what certmonger would delete, with its
 * key, when it saves either (certsave-n.c:472-560; design rule 2): the same subject under another nickname, another subject under the same.
 * Without a `subject` the nickname decides.
 */
export function ownPlace(objects: readonly Placed[], nickname: string, subject: Uint8Array | undefined, where: string): Placed[] {
  const named = objects
    .filter(({ label }) => label === nickname)
    .sort((a, b) => b.certificate.notAfter.getTime() - a.certificate.notAfter.getTime());
  const wanted = subject ?? named[0]?.certificate.subject;
  if (wanted === undefined) return [];
  const stranger = named.find(({ certificate }) => !sameName(certificate.subject, wanted));
  if (stranger !== undefined) {
    throw new HsmongerError(
      'SUBJECT_MISMATCH',
      `There is a certificate '${nickname}' on ${where} already, and it is ${nameText(stranger.certificate.subject)}'s; choose another --nickname, or the subject that is there.`,
    );
  }
  const double = objects.find(({ label, certificate }) => label !== nickname && sameName(certificate.subject, wanted));
  if (double !== undefined) {
    throw new HsmongerError(
      'SUBJECT_MISMATCH',
      `The certificate '${double.label}' on ${where} has the subject ${nameText(wanted)} too, and certmonger would delete it and its key when it saves '${nickname}'; choose another subject, or --nickname '${double.label}' where it is the CA meant.`,
    );
  }
  return named;
}

/**
 * Refuses a key that has a certificate already, an other instance's maybe: two would be told apart by nobody, and certmonger finds a key by
 * its certificate.
 */
export function assertKeyFree(objects: readonly Placed[], spki: Uint8Array, where: string): void {
  const taken = objects.find(({ certificate }) => sameKey(certificate.spki, spki));
  if (taken === undefined) return;
  throw new HsmongerError(
    'KEY_UNUSABLE',
    `The key on ${where} is that of the certificate '${taken.label}' (${nameText(taken.certificate.subject)}) there; take another key, or --nickname '${taken.label}' where it is the CA meant.`,
  );
}
