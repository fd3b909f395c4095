import { objectStores, type ObjectStore } from '../tracking/object-stores.js';
import type { InternalFacts } from '../tracking/facts.js';
import { sightings, type Sighting } from '../tracking/sightings.js';
import type { TokenCertificate } from '../pkcs11/token.js';
import { parseCertificate } from '../x509/parse-certificate.js';
import type { DoctorFacts } from './facts.js';

/** Where objects of the instance lie, as far as they could be looked at. */
export interface DoctorStore extends ObjectStore {
  /** Whether its private keys could be seen. */
  readonly opened: boolean;
}

/**
 * The token, where the instance has one that is there, and the NSS database itself. Certificates that cannot be read are left out:
 * CertificateReadable tells of them.
 */
export function storesOf(facts: DoctorFacts): DoctorStore[] {
  const { token, internal } = parts(facts);
  return objectStores(facts.instance, {
    ...(token === undefined ? {} : { token }),
    nss: { ...outsideDatabase, ...(internal === undefined ? {} : { internal }) },
  }).map((store) => ({ ...store, opened: (store.kind === 'token' ? token : internal)?.opened === true }));
}

/** The instance's certificates that lie in a store that could be looked at, each with what was found of it. */
export function sightingsOf(facts: DoctorFacts): Sighting[] {
  const { token, internal } = parts(facts);
  const there = { token, internal, file: undefined };
  const certificates = facts.instance.certificates.filter(({ storage }) => there[storage.kind] !== undefined);
  return sightings(
    { certificates },
    { ...(token === undefined ? {} : { token }), files: [], nss: internal === undefined ? {} : { internal } },
  );
}

/** The NSS database itself, as pre-flight's checks want it. */
export function insideOf(facts: DoctorFacts): { readonly internal?: InternalFacts } {
  const { internal } = parts(facts);
  return internal === undefined ? {} : { internal };
}

/** Certificate objects of the store that are none. */
export function unreadable(certificates: readonly TokenCertificate[]): TokenCertificate[] {
  return certificates.filter(({ der }) => !readable(der));
}

/** Of these facts nothing is asked where only objects count. */
const outsideDatabase = { format: 'sql', unwritable: [], registered: true, tokens: [], internalName: '' } as const;

function parts({ token, internal }: DoctorFacts) {
  const sight = token.known && token.value !== 'none' ? token.value : undefined;
  const inside = internal.known && internal.value !== 'none' ? internal.value : undefined;
  const login = sight?.login?.ok === true ? sight.login : undefined;
  return {
    token:
      sight?.token.ok === true
        ? { ...sight.token, certificates: good(sight.token.certificates), keys: login?.keys ?? [], opened: login !== undefined }
        : undefined,
    internal:
      inside === undefined
        ? undefined
        : { ...inside, certificates: good(inside.certificates), opened: inside.asked && inside.locked === undefined },
  };
}

function good(certificates: readonly TokenCertificate[]): TokenCertificate[] {
  return certificates.filter(({ der }) => readable(der));
}

function readable(der: Uint8Array): boolean {
  try {
    parseCertificate(der);
    return true;
  } catch {
    return false;
  }
}
