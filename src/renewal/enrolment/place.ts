import { sentenceOf } from '../../errors.js';
import { caNickname, caSubjectOf, sharedNickname } from '../../freeipa/nickname.js';
import type { SharedStore } from '../../issuer/directory/shared-store.js';
import { readImported } from '../../issuer/external/imported.js';
import type { CookieForm } from '../../protocol/cookie.js';
import type { Certificate } from '../../x509/certificate.js';
import { isSelfSigned } from '../../x509/path.js';
import { sameKey } from '../../x509/public-key.js';
import type { CourseFacts } from './course.js';
import type { EnrolmentParts } from './parts.js';
import type { Request } from './request.js';

/** What is asked for, and what this host is in it. */
export interface Place {
  readonly facts: CourseFacts;
  readonly store?: SharedStore;
  /** Dogtag's id of the lightweight CA whose own certificate it is. */
  readonly authority?: string;
  /** In whose form cookies are written. */
  readonly form: CookieForm;
}

/** Gathers what the course depends on: as FreeIPA does, the role goes by the subject of the request. */
export async function findPlace({ instance, flags, store: openStore, caFile, stateDirectory }: EnrolmentParts, { csr, old }: Request): Promise<Place> {
  const { freeipa, issuer } = instance;
  const facts = { ...flags, issuer: issuer.type, imported: importedFor(stateDirectory, csr.spki, old), ...(old === undefined ? {} : { old: { selfSigned: isSelfSigned(old) } }) };
  const form = freeipa === undefined ? 'certmonger' : 'own';
  if (openStore === undefined) return { facts: { ...facts, theCa: caFile?.().some(({ spki }) => sameKey(spki, csr.spki)) ?? false }, form };
  const store = openStore();
  const [subject, renewalMaster] = freeipa === undefined ? [undefined, false] : await Promise.all([store.caSubject(), store.isRenewalMaster()]);
  const nickname = freeipa === undefined ? undefined : sharedNickname(csr.subject, { caSubject: caSubjectOf(subject === undefined ? undefined : { subject }, freeipa.subjectBase), subjectBase: freeipa.subjectBase });
  if (nickname === undefined) {
    const authority = issuer.type === 'dogtag' && old?.isCa === true ? await store.authorityId(csr.subject) : undefined;
    return { facts: { ...facts, theCa: false, shared: { nickname, renewalMaster: false } }, store, form, ...(authority === undefined ? {} : { authority }) };
  }
  const theCa = nickname === caNickname;
  return { facts: { ...facts, theCa, shared: { nickname, renewalMaster } }, store, form: theCa ? 'ca' : 'shared' };
}

/** What was imported is looked at closely only when it is handed out; here only whether it is news. A file that is none must not keep the issuer from renewing. */
function importedFor(stateDirectory: string, spki: Uint8Array, old: Certificate | undefined): boolean {
  try {
    const imported = readImported(stateDirectory, spki);
    return imported !== undefined && (old === undefined || imported.certificate.notAfter > old.notAfter);
  } catch (error) {
    process.stderr.write(`hsmonger-submit: ${sentenceOf(error)}\n`);
    return false;
  }
}
