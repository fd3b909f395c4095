import { caNickname, caSubjectOf, sharedNickname } from '../../freeipa/nickname.js';
import type { SharedStore } from '../../issuer/directory/shared-store.js';
import type { CookieForm } from '../../protocol/cookie.js';
import { isSelfSigned } from '../../x509/path.js';
import { sameKey } from '../../x509/public-key.js';
import type { CourseFacts } from './course.js';
import type { EnrolmentParts } from './parts.js';
import type { Request } from './request.js';

/** What is asked for, and what this host is in it. */
export interface Situation {
  readonly facts: CourseFacts;
  readonly store?: SharedStore;
  /** Dogtag's id of the lightweight CA whose own certificate it is. */
  readonly authority?: string;
  /** In whose form cookies are written. */
  readonly form: CookieForm;
}

/** Gathers what the course depends on: as FreeIPA does, the role goes by the subject of the request. */
export async function findSituation(
  { instance, flags, store: openStore, caFile }: EnrolmentParts,
  { csr, old }: Request,
): Promise<Situation> {
  const { freeipa, issuer } = instance;
  const facts = { ...flags, issuer: issuer.type, ...(old === undefined ? {} : { old: { selfSigned: isSelfSigned(old) } }) };
  const form = freeipa === undefined ? 'certmonger' : 'own';
  // Without FreeIPA's names, the CA is known by its key.
  const isTheCa = () => caFile?.().some(({ spki }) => sameKey(spki, csr.spki)) ?? false;
  if (openStore === undefined) return { facts: { ...facts, theCa: isTheCa() }, form };
  const store = openStore();
  const [subject, renewalMaster] =
    freeipa === undefined ? [undefined, false] : await Promise.all([store.caSubject(), store.isRenewalMaster()]);
  const nickname =
    freeipa === undefined
      ? undefined
      : sharedNickname(csr.subject, {
          caSubject: caSubjectOf(subject === undefined ? undefined : { subject }, freeipa.subjectBase),
          subjectBase: freeipa.subjectBase,
        });
  if (nickname === undefined) {
    const theCa = freeipa === undefined && isTheCa();
    const authority = issuer.type === 'dogtag' && old?.isCa === true && !theCa ? await store.authorityId(csr.subject) : undefined;
    return {
      facts: { ...facts, theCa, shared: { nickname, renewalMaster: false } },
      store,
      form,
      ...(authority === undefined ? {} : { authority }),
    };
  }
  const theCa = nickname === caNickname;
  return { facts: { ...facts, theCa, shared: { nickname, renewalMaster } }, store, form: theCa ? 'ca' : 'shared' };
}
