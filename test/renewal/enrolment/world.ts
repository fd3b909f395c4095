import { HsmongerError, type ErrorCode } from '../../../src/errors.js';
import type { SharedStore } from '../../../src/issuer/directory/shared-store.js';
import type { Enrolment, Issued, Pending } from '../../../src/issuer/issuer.js';
import { encodeOutcome } from '../../../src/protocol/outcome.js';
import { readOperation } from '../../../src/protocol/operation.js';
import { pursue } from '../../../src/renewal/enrolment/flow.js';
import type { EnrolmentParts } from '../../../src/renewal/enrolment/parts.js';
import type { Certificate } from '../../../src/x509/certificate.js';
import { equalBytes } from '../../../src/x509/der.js';
import { caExtensions, day, leafConstraints, makeCertificate, makeCsr, makeKeys, now, pem } from '../../x509/material.js';

const base = 'O=EXAMPLE.TEST';
const subjects = {
  ca: `${base}, CN=Certificate Authority`,
  ocsp: `${base}, CN=OCSP Subsystem`,
  ra: `${base}, CN=IPA RA`,
  subCa: `${base}, CN=VPN`,
  server: `${base}, CN=server.example.test`,
} as const;
export type Who = keyof typeof subjects;
const inDays = (days: number) => new Date(now.getTime() + days * day);

/** A CA that signs itself, one another CA signed, and for each certificate of either its request, the one it has and a new one. */
export async function makeMaterial(): Promise<Material> {
  const [rootKeys, caKeys, leafKeys, otherKeys] = await Promise.all([makeKeys(), makeKeys(), makeKeys(), makeKeys()]);
  const root = await makeCertificate({
    keys: rootKeys,
    subject: 'O=Outside, CN=Root',
    notAfter: inDays(9000),
    extensions: caExtensions('bb'.repeat(20)),
  });
  const ca = (options: Partial<Parameters<typeof makeCertificate>[0]>) =>
    makeCertificate({ keys: caKeys, subject: subjects.ca, extensions: caExtensions(), ...options });
  const self = { old: await ca({}), new: await ca({ notAfter: inDays(4000), serial: '02' }) };
  const external = {
    old: await ca({ by: { keys: rootKeys, certificate: root } }),
    new: await ca({ by: { keys: rootKeys, certificate: root }, notAfter: inDays(4000), serial: '03' }),
  };
  const leaf = async (who: Who, days: number, keys = leafKeys) =>
    makeCertificate({
      keys,
      subject: subjects[who],
      by: { keys: caKeys, certificate: self.new },
      notAfter: inDays(days),
      serial: `0${String(days % 9)}07`,
      ...(who === 'subCa' ? { extensions: caExtensions('cc'.repeat(20)) } : {}),
    });
  const csr = async (who: Who) => makeCsr({ keys: who === 'ca' ? caKeys : leafKeys, subject: subjects[who] });
  return {
    root,
    self,
    external,
    csr: { ca: await csr('ca'), ocsp: await csr('ocsp'), ra: await csr('ra'), subCa: await csr('subCa'), server: await csr('server') },
    old: { ocsp: await leaf('ocsp', 20), ra: await leaf('ra', 20), subCa: await leaf('subCa', 20), server: await leaf('server', 20) },
    new: { ocsp: await leaf('ocsp', 700), ra: await leaf('ra', 700), subCa: await leaf('subCa', 700), server: await leaf('server', 700) },
    later: { ocsp: await leaf('ocsp', 900) },
    foreign: { ocsp: await leaf('ocsp', 700, otherKeys) },
    noCa: await makeCertificate({
      keys: caKeys,
      subject: subjects.ca,
      notAfter: inDays(5000),
      serial: '04',
      extensions: [leafConstraints()],
    }),
  };
}

interface Pair {
  readonly old: Certificate;
  readonly new: Certificate;
}
type Leaf = Exclude<Who, 'ca'>;
export interface Material {
  readonly root: Certificate;
  readonly self: Pair;
  readonly external: Pair;
  readonly csr: Readonly<Record<Who, Uint8Array>>;
  readonly old: Readonly<Record<Leaf, Certificate>>;
  readonly new: Readonly<Record<Leaf, Certificate>>;
  /** Later still, and one of another key. */
  readonly later: { readonly ocsp: Certificate };
  readonly foreign: { readonly ocsp: Certificate };
  /** Of the CA's name and key, the latest of all, and no CA. */
  readonly noCa: Certificate;
}

/** One situation, and what is to be seen of it afterwards. */
export interface Situation {
  readonly who?: Who;
  readonly external?: boolean;
  readonly issuer?: 'dogtag' | 'directory' | 'external';
  readonly flags?: Partial<EnrolmentParts['flags']>;
  readonly master?: boolean;
  readonly anyMaster?: boolean;
  /** What is under the nickname. */
  readonly published?: readonly Certificate[];
  /** What the issuer does. */
  readonly answer?: Certificate | Pending | HsmongerError | Error;
  /** How publishing fails; for ever. */
  readonly unpublishable?: ErrorCode;
  readonly directoryAway?: boolean;
  /** A plain Dogtag: no [freeipa]. */
  readonly plain?: boolean;
  /** Over what certmonger sends; undefined takes a variable away. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  readonly parts?: Partial<EnrolmentParts>;
}

export interface Seen {
  readonly exitCode: number;
  readonly firstLine: string;
  /** After exit 5. */
  readonly cookie: string;
  /** The certificate, where one was handed out: which one it is. */
  readonly handedOut: 'old' | 'new' | 'other' | undefined;
  readonly published: readonly Certificate[];
  readonly asked: readonly Enrolment[];
  readonly alarms: readonly string[];
  readonly csrFile: string | undefined;
  readonly code: string;
  readonly message: string;
}

export async function play(material: Material, situation: Situation): Promise<Seen> {
  const { who = 'ocsp', external = false, master = true, anyMaster = true, directoryAway = false } = situation;
  const pair = who === 'ca' ? material[external ? 'external' : 'self'] : { old: material.old[who], new: material.new[who] };
  let published = situation.published ?? [];
  const asked: Enrolment[] = [];
  const alarms: string[] = [];
  let csrFile: string | undefined;
  const store: SharedStore = {
    caSubject: () => Promise.resolve(undefined),
    isRenewalMaster: () => Promise.resolve(master),
    hasRenewalMaster: () => Promise.resolve(anyMaster),
    renewalMasters: () => Promise.resolve(anyMaster ? ['ca1.example.test'] : []),
    read: () => Promise.resolve(published),
    publish: (nickname, certificate) => {
      if (situation.unpublishable !== undefined)
        return Promise.reject(new HsmongerError(situation.unpublishable, `'${nickname}' cannot be written.`));
      if (published.some(({ der }) => equalBytes(der, certificate.der))) return Promise.resolve('already there');
      if (published.some(({ spki, notAfter }) => equalBytes(spki, certificate.spki) && notAfter > certificate.notAfter))
        return Promise.resolve('newer there');
      published = [certificate];
      return Promise.resolve('published');
    },
    tidy: () => Promise.resolve(0),
    authorityId: (subject) =>
      Promise.resolve(
        equalBytes(subject, material.old.subCa.subject)
          ? 'the id'
          : equalBytes(subject, material.self.old.subject)
            ? 'the host'
            : undefined,
      ),
    authorities: () => Promise.resolve([material.self.new, material.self.old, material.root]),
    close: () => Promise.resolve(),
  };
  const answerOf = (): Issued | Pending => {
    const answer = situation.answer ?? pair.new;
    if (answer instanceof Error) throw answer;
    if ('pending' in answer) return answer;
    return { certificate: answer.der, chain: [], roots: [(equalBytes(answer.subject, answer.issuer) ? answer : material.self.new).der] };
  };
  const parts: EnrolmentParts = {
    instance: {
      issuer:
        situation.issuer === undefined || situation.issuer === 'dogtag'
          ? { type: 'dogtag', certificate: 'x', url: 'https://x', caFile: '/x' }
          : { type: situation.issuer, certificate: 'x' },
      ...(situation.plain === true
        ? {}
        : { freeipa: { subjectBase: base, lockFile: '/x', csrFile: '/var/lib/ipa/ca.csr', masterGoneDays: 1 } }),
      helper: { deadlineSeconds: 5 },
    },
    flags: { reuseExisting: false, forceSelfSigned: false, ...situation.flags },
    issuer: {
      enrol: (enrolment) => {
        asked.push(enrolment);
        return new Promise((resolve) => {
          resolve(answerOf());
        });
      },
      roots: () => Promise.reject(new Error('not asked')),
      close: () => Promise.resolve(),
    },
    store: () => {
      if (directoryAway) throw new HsmongerError('DIRECTORY_UNAVAILABLE', 'No connection.');
      return store;
    },
    caFile: () => [material.self.old],
    csrFile: () => ({
      path: '/var/lib/ipa/ca.csr',
      write: (text) => {
        csrFile = text;
      },
      close: () => undefined,
    }),
    stateDirectory: '/nonexistent',
    clock: () => now,
    random: () => 0.5,
    alarm: (message) => {
      alarms.push(message);
      return Promise.resolve();
    },
    ...situation.parts,
  };
  const operation = readOperation({
    CERTMONGER_OPERATION: 'SUBMIT',
    CERTMONGER_CSR: pem(material.csr[who], 'CERTIFICATE REQUEST'),
    CERTMONGER_CERTIFICATE: pem(pair.old.der),
    CERTMONGER_CA_PROFILE: who === 'ca' ? 'caCACert' : 'caOCSPCert',
    ...situation.variables,
  });
  if (operation.kind !== 'enrol') throw new Error('no enrolment');
  const { outcome, code, message } = await pursue(parts, operation.variables);
  const { exitCode, stdout } = encodeOutcome(outcome);
  const [firstLine = '', cookie = ''] = stdout.split('\n');
  const issued = outcome.kind === 'issued' ? outcome.certificate : undefined;
  const handedOut =
    issued === undefined ? undefined : issued === pem(pair.old.der) ? 'old' : issued === pem(pair.new.der) ? 'new' : 'other';
  return { exitCode, firstLine, cookie, handedOut, published, asked, alarms, csrFile, code, message };
}
