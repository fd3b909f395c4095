import { HsmongerError } from '../../errors.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import { nameText, sameName } from '../../x509/names/name.js';
import { sameKey } from '../../x509/public-key.js';

/** The certificates of one nickname, by where they are. */
export interface Found {
  /** Where certmonger stores it: 'on the token', 'in the NSS database …'. */
  readonly place: string;
  readonly stored: readonly Certificate[];
  /** In the NSS database, of what is stored on the token. */
  readonly copies: readonly Certificate[];
  /** As the journal has them from before the saving. */
  readonly before: readonly Certificate[];
}

export interface Located {
  readonly certificate: Certificate;
  /** Same key, same subject, earlier end; the newest first. */
  readonly superseded: readonly Certificate[];
  /** Of the same nickname, but neither: left alone. */
  readonly others: readonly Certificate[];
}

/**
 * Which certificate under a nickname is the new one, by what it says and never by the order a token lists objects in: of those stored, the
 * one with the latest notAfter. It must have key and subject of the newest one known from before; otherwise nothing may be touched.
 */
export function locate(nickname: string, { place, stored, copies, before }: Found): Located {
  const [certificate] = newestFirst(stored);
  if (certificate === undefined) {
    throw new HsmongerError(
      'CERTIFICATE_NOT_FOUND',
      `There is no certificate '${nickname}' ${place}, though certmonger should have stored it there; nothing was removed. See 'getcert list' for what certmonger says.`,
    );
  }
  const [previous] = newestFirst(before);
  if (previous !== undefined && !sameKey(previous.spki, certificate.spki)) {
    throw new HsmongerError(
      'KEY_MISMATCH',
      `The newest certificate '${nickname}' ${place} (${describe(certificate)}) is for another key than the one before (${describe(previous)}); nothing was removed. Find out who stored it.`,
    );
  }
  if (previous !== undefined && !sameName(previous.subject, certificate.subject)) {
    throw new HsmongerError(
      'SUBJECT_MISMATCH',
      `The newest certificate '${nickname}' ${place} is for ${nameText(certificate.subject)}, the one before for ${nameText(previous.subject)}; nothing was removed. Find out who stored it.`,
    );
  }
  const rest = newestFirst(distinct([...stored, ...copies, ...before])).filter(({ der }) => !equalBytes(der, certificate.der));
  const superseded = rest.filter((other) => isSuperseded(other, certificate));
  return { certificate, superseded, others: rest.filter((other) => !superseded.includes(other)) };
}

/** Serial and end, for messages. */
export function describe({ serial, notAfter }: Certificate): string {
  return `serial ${Buffer.from(serial).toString('hex')}, until ${notAfter.toISOString().slice(0, 10)}`;
}

function isSuperseded(old: Certificate, certificate: Certificate): boolean {
  return old.notAfter < certificate.notAfter && sameKey(old.spki, certificate.spki) && sameName(old.subject, certificate.subject);
}

/** By notAfter, and where that is the same by notBefore. */
export function newestFirst(certificates: readonly Certificate[]): Certificate[] {
  return certificates.toSorted(
    (a, b) => b.notAfter.getTime() - a.notAfter.getTime() || b.notBefore.getTime() - a.notBefore.getTime() || Buffer.compare(b.der, a.der),
  );
}

function distinct(certificates: readonly Certificate[]): Certificate[] {
  return certificates.filter((one, index) => certificates.findIndex((other) => equalBytes(one.der, other.der)) === index);
}
