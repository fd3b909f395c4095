import pkcs11js from 'pkcs11js';
import { HsmongerError } from '../../errors.js';
import { tokenFailure } from '../ckr.js';
import { certificateFields } from './certificate-fields.js';
import type { Attribute, Handle } from '../cryptoki.js';
import type { Shelf } from './keys.js';
import { attribute, findObjects } from './objects.js';
import { assertLabel } from './object-label.js';

/** How a certificate object is found again. */
export interface CertificatePlace {
  /** CKA_LABEL = NSS nickname. */
  readonly label: string;
  /** CKA_ID of its key; empty for a certificate whose key is not on the token. */
  readonly id: Uint8Array;
}

/** What every X.509 certificate object has. */
export const certificateObject: readonly Attribute[] = [
  { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
  { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
];

/**
 * Stores a certificate as one new object (C_CreateObject makes all of it or nothing). 'there already' where exactly this object exists.
 * OBJECT_EXISTS where the certificate is there under another name, where another subject has the label (NSS takes a nickname for one
 * subject), where its subject has another label (certmonger deletes those, key and all: certsave-n.c:472-560), or where another certificate
 * has its issuer and serial; LABEL_INVALID for labels certmonger loses.
 */
export function storeCertificate(shelf: Shelf, der: Uint8Array, { label, id }: CertificatePlace): 'stored' | 'there already' {
  assertLabel(label, 'A certificate');
  const { cryptoki, session, token } = shelf;
  const value = Buffer.from(der);
  const { subject, issuer, serial } = certificateFields(value);
  const read = (object: Handle, type: number) => attribute(cryptoki, session, object, type);
  const search = (...template: Attribute[]) => findObjects(cryptoki, session, [...certificateObject, ...template]);
  const exists = (sentence: string) => new HsmongerError('OBJECT_EXISTS', sentence);
  const on = `on token '${token.label}'`;
  const is = (object: Handle) => read(object, pkcs11js.CKA_VALUE)?.equals(value) === true;
  const named = (object: Handle) =>
    read(object, pkcs11js.CKA_LABEL)?.toString('utf8') === label &&
    (read(object, pkcs11js.CKA_ID) ?? Buffer.alloc(0)).equals(Buffer.from(id));

  const numbered = search({ type: pkcs11js.CKA_ISSUER, value: issuer }, { type: pkcs11js.CKA_SERIAL_NUMBER, value: serial });
  const same = [...numbered, ...search({ type: pkcs11js.CKA_VALUE, value })].filter(is);
  if (same.some(named)) return 'there already';
  const [elsewhere] = same;
  if (elsewhere !== undefined)
    throw exists(
      `The certificate is ${on} already, labelled '${read(elsewhere, pkcs11js.CKA_LABEL)?.toString('utf8') ?? ''}' with CKA_ID ${read(elsewhere, pkcs11js.CKA_ID)?.toString('hex') ?? ''}; NSS knows a certificate by one nickname, so it is not stored a second time.`,
    );
  if (numbered.length > 0)
    throw exists(
      `Another certificate ${on} has the same issuer and serial number, which no CA may issue twice; NSS would take one for the other. Remove the wrong one first.`,
    );
  // An object without CKA_SUBJECT is left to its value: it must be there (PKCS#11 2.40 §4.6.3), but some tools forget.
  const stranger = search({ type: pkcs11js.CKA_LABEL, value: label }).find(
    (object) => !(read(object, pkcs11js.CKA_SUBJECT)?.equals(subject) ?? false),
  );
  if (stranger !== undefined)
    throw exists(
      `The label '${label}' ${on} belongs to a certificate for another subject, and NSS takes a nickname for one subject; choose another label.`,
    );
  const twin = search({ type: pkcs11js.CKA_SUBJECT, value: subject })
    .map((object) => read(object, pkcs11js.CKA_LABEL)?.toString('utf8') ?? '')
    .find((its) => its !== label);
  if (twin !== undefined)
    throw exists(
      `The certificate '${twin}' ${on} is for the same subject, and certmonger deletes one of the two, with its key, when it saves the other; ${twin === '' ? 'give that one a label first' : `take the label '${twin}' where both are for one holder`}, or have one issued for another subject.`,
    );

  const object = create({ cryptoki, session, token }, [
    ...certificateObject,
    { type: pkcs11js.CKA_TOKEN, value: true },
    { type: pkcs11js.CKA_PRIVATE, value: false },
    { type: pkcs11js.CKA_LABEL, value: label },
    ...(id.length === 0 ? [] : [{ type: pkcs11js.CKA_ID, value: Buffer.from(id) }]),
    { type: pkcs11js.CKA_SUBJECT, value: subject },
    { type: pkcs11js.CKA_ISSUER, value: issuer },
    { type: pkcs11js.CKA_SERIAL_NUMBER, value: serial },
    { type: pkcs11js.CKA_VALUE, value },
  ]);
  if (is(object) && named(object)) return 'stored';
  cryptoki.C_DestroyObject(session, object);
  throw new HsmongerError(
    'TOKEN_FAILED',
    `Token ${on.slice('on token '.length)} keeps the certificate '${label}' otherwise than it was given, so the object was removed again; store it with the vendor's tool.`,
  );
}

function create({ cryptoki, session, token }: Shelf, template: Attribute[]): Handle {
  try {
    return cryptoki.C_CreateObject(session, template);
  } catch (error) {
    throw tokenFailure(error, `Storing a certificate on token '${token.label}'`, 'storing an object');
  }
}
