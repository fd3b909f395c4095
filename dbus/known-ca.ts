import { propertiesOf, type NamedCertificate } from './properties.js';
import { saveListsOf, type SaveLists } from './tracking-request.js';

/** A CA certmonger knows, as it was when read. */
export interface KnownCa {
  /** Object path: good until the daemon restarts, never to be kept. */
  readonly path: string;
  readonly nickname: string;
  /** What the helper answered to IDENTIFY. */
  readonly aka: string | undefined;
  readonly isDefault: boolean;
  /** The helper's command line; undefined for a built-in CA. */
  readonly externalHelper: string | undefined;
  readonly caError: string | undefined;
  readonly issuerNames: readonly string[];
  readonly roots: readonly NamedCertificate[];
  readonly otherRoots: readonly NamedCertificate[];
  readonly others: readonly NamedCertificate[];
  readonly requiredForEnrolment: readonly string[];
  readonly requiredForRenewal: readonly string[];
  readonly supportedProfiles: readonly string[];
  readonly defaultProfile: string | undefined;
  readonly saveTo: SaveLists;
}

/** Reads a GetAll answer of the ca interface. */
export function knownCaOf(path: string, dictionary: unknown): KnownCa {
  const from = propertiesOf(dictionary);
  return {
    path,
    nickname: from.text('nickname') ?? '',
    aka: from.text('aka'),
    isDefault: from.flag('is-default') ?? false,
    externalHelper: from.text('external-helper'),
    caError: from.text('ca-error'),
    issuerNames: from.list('issuer-names'),
    roots: from.certificates('root-certs'),
    otherRoots: from.certificates('root-other-certs'),
    others: from.certificates('other-certs'),
    requiredForEnrolment: from.list('required-enroll-attributes'),
    requiredForRenewal: from.list('required-renew-attributes'),
    supportedProfiles: from.list('supported-profiles'),
    defaultProfile: from.text('default-profile'),
    saveTo: saveListsOf(from),
  };
}
