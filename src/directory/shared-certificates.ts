import { HsmongerError } from '../errors.js';
import type { Certificate } from '../x509/certificate.js';
import { equalBytes } from '../x509/der.js';
import { nameText } from '../x509/names/name.js';
import { findPath } from '../x509/path.js';
import { sameKey } from '../x509/public-key.js';
import { again } from './again.js';
import type { Directory, Entry, Modification } from './directory.js';
import { certificatesIn, holds, valuesOf } from './entry-values.js';
import { and, equals, present } from './filter.js';
import { renewalDn, renewalsDn } from './tree.js';

/** What a certificate must be to be taken. */
export interface Judge {
  readonly now: Date;
  /** DER SubjectPublicKeyInfo of the key it must have: the one on the token. */
  readonly spki: Uint8Array;
  /** What may stand above it. */
  readonly authorities: readonly Certificate[];
}

const plain = 'userCertificate';
/** Another attribute to the server, though a search for the plain one finds it too. FreeIPA writes the plain one. */
const binary = 'userCertificate;binary';

/**
 * The one that counts: right key, valid chain at `now`, latest notAfter. Never by the order, which is the server's whim and differs between
 * servers.
 */
export function chooseShared(candidates: readonly Certificate[], judge: Judge): Certificate | undefined {
  return candidates.filter((candidate) => faultOf(candidate, judge) === undefined).sort(later)[0];
}

/** Every certificate published under the nickname, those of hidden conflict entries too; what is no certificate is left out. */
export async function readShared(directory: Directory, base: string, nickname: string): Promise<readonly Certificate[]> {
  const { entry, conflicts } = await look(directory, base, nickname);
  return certificatesIn([entry, ...conflicts].flatMap((one) => [...valuesOf(one, plain), ...valuesOf(one, binary)]));
}

/**
 * Publishes a renewed certificate, unless a later one is there: one modify that takes away the values it has read and adds this one, so
 * that a race on one server is seen; then reads what is there. Adds the entry where it is missing. ISSUED_WRONG when the certificate
 * would not be taken by anybody; DIRECTORY_CHANGED when others kept being quicker.
 */
export async function publishShared(
  directory: Directory,
  base: string,
  nickname: string,
  certificate: Certificate,
  judge: Judge,
): Promise<'published' | 'already there' | 'newer there'> {
  const fault = faultOf(certificate, judge);
  if (fault !== undefined)
    throw new HsmongerError(
      'ISSUED_WRONG',
      `The certificate of ${nameText(certificate.subject)} is not published under '${nickname}': ${fault}.`,
    );
  return again(async () => {
    const { entry, conflicts } = await look(directory, base, nickname);
    const there = valuesOf(entry, plain);
    const best = chooseShared(
      certificatesIn([entry, ...conflicts].flatMap((one) => [...valuesOf(one, plain), ...valuesOf(one, binary)])),
      judge,
    );
    if (best !== undefined && !equalBytes(best.der, certificate.der) && later(best, certificate) < 0) return 'newer there';
    if (holds(there, certificate.der) && there.length === 1) return 'already there';
    await put(directory, base, nickname, entry, certificate);
    if (!holds(valuesOf((await look(directory, base, nickname)).entry, plain), certificate.der))
      throw new HsmongerError(
        'DIRECTORY_CHANGED',
        `The certificate of ${nameText(certificate.subject)} was published under '${nickname}' and is gone again; somebody else writes there.`,
      );
    return holds(there, certificate.der) ? 'already there' : 'published';
  });
}

/**
 * For the renewal master alone: leaves the certificate that counts, in the attribute FreeIPA reads, and removes the values that lost and
 * the entries two servers made at once. Gives how many. Where none counts nothing is removed.
 */
export function tidyShared(directory: Directory, base: string, nickname: string, judge: Judge): Promise<number> {
  return again(async () => {
    const { entry, conflicts } = await look(directory, base, nickname);
    const best = chooseShared(
      certificatesIn([entry, ...conflicts].flatMap((one) => [...valuesOf(one, plain), ...valuesOf(one, binary)])),
      judge,
    );
    if (best === undefined) return 0;
    const lost = valuesOf(entry, plain).filter((value) => !equalBytes(value, best.der)).length + valuesOf(entry, binary).length;
    if (lost > 0 || !holds(valuesOf(entry, plain), best.der)) await put(directory, base, nickname, entry, best, true);
    for (const { dn } of conflicts) await directory.remove(dn);
    return lost + conflicts.length;
  });
}

/** Why nobody would take it, as a whole clause. */
function faultOf(certificate: Certificate, { now, spki, authorities }: Judge): string | undefined {
  if (!sameKey(certificate.spki, spki)) return 'its key is not the key on the token';
  const path = findPath(certificate, authorities, now);
  return 'fault' in path ? `it does not validate: ${path.fault}` : undefined;
}

/** Latest first; of two that end together the same one on every server. */
function later(a: Certificate, b: Certificate): number {
  return b.notAfter.getTime() - a.notAfter.getTime() || Buffer.compare(b.der, a.der);
}

interface Found {
  readonly entry: Entry | undefined;
  /**
   * nsds5ReplConflict: what became of an entry that two servers added while they did not hear each other; ordinary searches do not find it.
   */
  readonly conflicts: readonly Entry[];
}

async function look(directory: Directory, base: string, nickname: string): Promise<Found> {
  const [entry] = await directory.search({ base: renewalDn(base, nickname), scope: 'base', attributes: [plain] });
  const conflicts = await directory.search({
    base: renewalsDn(base),
    scope: 'one',
    filter: and(equals('objectClass', 'ldapSubEntry'), present('nsds5ReplConflict'), equals('cn', nickname)),
    attributes: [plain],
  });
  return { entry, conflicts };
}

async function put(
  directory: Directory,
  base: string,
  nickname: string,
  entry: Entry | undefined,
  { der }: Certificate,
  binaryToo = false,
): Promise<void> {
  const dn = renewalDn(base, nickname);
  if (entry === undefined) return directory.add(dn, { objectClass: ['top', 'pkiUser', 'nsContainer'], cn: [nickname], [plain]: [der] });
  const there = valuesOf(entry, plain);
  const take = (attribute: string, values: readonly Uint8Array[]): Modification[] =>
    values.length === 0 ? [] : [{ operation: 'delete', attribute, values }];
  await directory.modify(dn, [
    ...take(
      plain,
      there.filter((value) => !equalBytes(value, der)),
    ),
    ...(holds(there, der) ? [] : [{ operation: 'add' as const, attribute: plain, values: [der] }]),
    ...(binaryToo ? take(binary, valuesOf(entry, binary)) : []),
  ]);
}
