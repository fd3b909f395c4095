import type { TokenDescription } from '../../../pkcs11/token.js';
import type { OwnCa, OwnKeyFacts } from '../../../service/tasks/ca/make-root.js';
import { nameText } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { certificateToPem } from '../../../x509/pem.js';
import { shellWord } from '../../output.js';
import { keyUri } from '../../token/tables.js';

/** A CA's certificate as `ca init-…` and `ca import` tell it. */
export interface ToldCa {
  readonly nickname: string;
  /** RFC 4514. */
  readonly subject: string;
  readonly issuer: string;
  /** Hexadecimal. */
  readonly serial: string;
  readonly notAfter: Date;
  readonly key: OwnKeyFacts;
  readonly pem: string;
}

export function toldCa(nickname: string, { certificate: der, key }: OwnCa): ToldCa {
  const { subject, issuer, serial, notAfter } = parseCertificate(der);
  return {
    nickname,
    subject: nameText(subject),
    issuer: nameText(issuer),
    serial: Buffer.from(serial).toString('hex'),
    notAfter,
    key,
    pem: certificateToPem(der),
  };
}

/** The certificate in a line. */
export function caLine({ nickname, subject, issuer, serial, notAfter }: ToldCa): string {
  return `'${nickname}': ${subject}${issuer === subject ? '' : `, issued by ${issuer}`}, serial ${serial}, expires ${notAfter.toISOString().slice(0, 10)}`;
}

export function keyLine({ label, id, type, size }: OwnKeyFacts): string {
  return `key '${label}', ${type} ${String(size)}, CKA_ID ${id}`;
}

/** RFC 7512: what any program is told to use the key by. */
export function keyUrl(token: TokenDescription, { label, id }: OwnKeyFacts): string {
  return keyUri(token, { label, id: Buffer.from(id, 'hex') }, 'private');
}

/** What an administrator must hear about a key that was there before. `on`: the name of the instance's further token it is on. */
export function keyWarnings({ label, id, protected: kept, nssId, type }: OwnKeyFacts, instance: string, on?: string): string[] {
  return [
    ...(kept
      ? []
      : [
          `The key '${label}' can leave the token (CKA_SENSITIVE is not true or CKA_EXTRACTABLE not false), so somebody may have a copy of it; --key-type makes one that cannot.`,
        ]),
    ...(type === 'Ed25519'
      ? [
          `The key '${label}' is an Ed25519 key, which certmonger cannot use: its certificate is renewed by nobody, and 'hsmonger setup' refuses it where the instance file lists it as a [[certificate]] (docs/several.md, kinds of keys).`,
        ]
      : []),
    ...(nssId || type === 'Ed25519'
      ? []
      : [
          `The key '${label}' has the CKA_ID ${id === '' ? '(none)' : id}, which is not the one NSS computes: run 'hsmonger token move-id --instance ${instance}${on === undefined ? '' : ` --token ${on}`} ${shellWord(id === '' ? label : id)}' before 'hsmonger setup', or certmonger would lose the key.`,
        ]),
  ];
}
