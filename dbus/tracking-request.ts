import { plainPem, propertiesOf, type NamedCertificate, type Properties } from './properties.js';

/** Where a key or a certificate is kept; undefined is what certmonger has not set. */
export interface Storage {
  /** NSSDB, FILE or NONE. */
  readonly type: string | undefined;
  readonly file: string | undefined;
  /** NSS directory as given, prefix and all. */
  readonly database: string | undefined;
  readonly nickname: string | undefined;
  readonly token: string | undefined;
  readonly owner: string | undefined;
  /** Permission bits. */
  readonly perms: number | undefined;
}

/** Files and NSS databases certmonger writes CA certificates to as well. */
export interface SaveLists {
  readonly rootFiles: readonly string[];
  readonly otherRootFiles: readonly string[];
  readonly otherFiles: readonly string[];
  readonly rootDatabases: readonly string[];
  readonly otherRootDatabases: readonly string[];
  readonly otherDatabases: readonly string[];
}

/** A certmonger request as it was when read. */
export interface TrackingRequest {
  /** Object path: good until the daemon restarts, never to be kept. */
  readonly path: string;
  readonly nickname: string;
  /** One of certmonger's state names (states.ts). */
  readonly status: string;
  readonly stuck: boolean;
  readonly monitoring: boolean;
  readonly autorenew: boolean;
  /** Nickname of the CA. */
  readonly ca: string | undefined;
  readonly caError: string | undefined;
  readonly caCookie: string | undefined;
  readonly caProfile: string | undefined;
  readonly submitted: Date | undefined;
  readonly keyStorage: Storage;
  readonly certificateStorage: Storage;
  readonly key: {
    /** RSA, EC, DSA. */
    readonly type: string | undefined;
    /** Bits. */
    readonly size: number | undefined;
    readonly pinFile: string | undefined;
    /** Whether certmonger keeps a PIN of its own; the PIN is not passed on. */
    readonly pinSet: boolean;
    readonly generated: Date | undefined;
    readonly issuedCount: number | undefined;
  };
  /** Of the certificate held now. */
  readonly certificate: {
    readonly pem: string | undefined;
    readonly chain: readonly NamedCertificate[];
    readonly roots: readonly NamedCertificate[];
    /** As certmonger writes names. */
    readonly issuer: string | undefined;
    readonly subject: string | undefined;
    /** Hexadecimal. */
    readonly serial: string | undefined;
    readonly notBefore: Date | undefined;
    readonly notAfter: Date | undefined;
    readonly email: readonly string[];
    readonly hostname: readonly string[];
    readonly principal: readonly string[];
    /** Bit string as text, '11000'. */
    readonly keyUsage: string | undefined;
    /** OIDs. */
    readonly extendedKeyUsage: readonly string[];
    readonly lastChecked: Date | undefined;
  };
  /** PEM. */
  readonly csr: string | undefined;
  readonly template: {
    readonly subject: string | undefined;
    readonly profile: string | undefined;
    readonly issuer: string | undefined;
    readonly keyUsage: string | undefined;
    readonly extendedKeyUsage: readonly string[];
    readonly hostname: readonly string[];
    readonly email: readonly string[];
    readonly principal: readonly string[];
    readonly ipAddress: readonly string[];
    readonly isCa: boolean | undefined;
    readonly msCertificateTemplate: string | undefined;
    /** Netscape's certificate type in certmonger's words, 'client,server' (netscape-type.ts). */
    readonly netscapeType: string | undefined;
  };
  readonly nssUser: string | undefined;
  readonly preSaveCommand: string | undefined;
  readonly preSaveUid: string | undefined;
  readonly postSaveCommand: string | undefined;
  readonly postSaveUid: string | undefined;
  readonly saveTo: SaveLists;
}

/** Object path of the request's CA in a GetAll answer. certmonger <= 0.79.19 gives it below /requests/ (tdbush.c). */
export function caPathOf(dictionary: unknown): string | undefined {
  return propertiesOf(dictionary).text('ca')?.replace('/requests/CA', '/cas/CA');
}

/** Reads a GetAll answer of the request interface. */
export function trackingRequestOf(path: string, dictionary: unknown, ca: string | undefined): TrackingRequest {
  const from = propertiesOf(dictionary);
  const { text, list, date, count } = from;
  return {
    path,
    nickname: text('nickname') ?? '',
    status: text('status') ?? '',
    stuck: from.flag('stuck') ?? false,
    monitoring: from.flag('monitoring') ?? false,
    autorenew: from.flag('autorenew') ?? false,
    ca,
    caError: text('ca-error'),
    caCookie: text('ca-cookie'),
    caProfile: text('ca-profile'),
    submitted: date('submitted-date'),
    keyStorage: storageOf(from, 'key'),
    certificateStorage: storageOf(from, 'cert'),
    key: {
      type: text('key-type'),
      size: count('key-size'),
      pinFile: text('key-pin-file'),
      pinSet: text('key-pin') !== undefined,
      generated: date('key-generated-date'),
      issuedCount: count('key-issued-count'),
    },
    certificate: {
      pem: pemOf(text('cert')),
      chain: from.certificates('cert-chain'),
      roots: from.certificates('cert-roots'),
      issuer: text('issuer'),
      subject: text('subject'),
      serial: text('serial'),
      notBefore: date('not-valid-before'),
      notAfter: date('not-valid-after'),
      email: list('email'),
      hostname: list('hostname'),
      principal: list('principal'),
      keyUsage: text('ku'),
      extendedKeyUsage: list('eku'),
      lastChecked: date('last-checked'),
    },
    csr: pemOf(text('csr')),
    template: {
      subject: text('template-subject'),
      profile: text('template-profile'),
      issuer: text('template-issuer'),
      keyUsage: text('template-ku'),
      extendedKeyUsage: list('template-eku'),
      hostname: list('template-hostname'),
      email: list('template-email'),
      principal: list('template-principal'),
      ipAddress: list('template-ip-address'),
      isCa: from.flag('template-is-ca'),
      msCertificateTemplate: text('template-ms-certificate-template'),
      netscapeType: text('template-ns-certtype'),
    },
    nssUser: text('nss-user'),
    preSaveCommand: text('cert-presave-command'),
    preSaveUid: text('cert-presave-uid'),
    postSaveCommand: text('cert-postsave-command'),
    postSaveUid: text('cert-postsave-uid'),
    saveTo: saveListsOf(from),
  };
}

export function saveListsOf({ list }: Properties): SaveLists {
  return {
    rootFiles: list('root-cert-files'),
    otherRootFiles: list('root-other-cert-files'),
    otherFiles: list('other-cert-files'),
    rootDatabases: list('root-cert-nssdbs'),
    otherRootDatabases: list('root-other-cert-nssdbs'),
    otherDatabases: list('other-cert-nssdbs'),
  };
}

function storageOf({ text, count }: Properties, what: 'key' | 'cert'): Storage {
  return {
    type: text(`${what}-storage`),
    file: text(`${what}-file`),
    database: text(`${what}-database`),
    nickname: text(`${what}-nickname`),
    token: text(`${what}-token`),
    owner: text(`${what}-owner`),
    // 0 is what certmonger sends for "not set".
    perms: count(`${what}-perms`) === 0 ? undefined : count(`${what}-perms`),
  };
}

function pemOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : plainPem(text);
}
