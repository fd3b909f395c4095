import { HsmongerError } from '../../../errors.js';
import { nssKeyId } from '../../../pkcs11/objects/nss-key-id.js';
import type { Token, TokenDescription } from '../../../pkcs11/token.js';
import { run } from '../../../platform/run.js';
import { readCertificates, type GivenFile } from '../../../renewal/importing/read-certificates.js';
import type { Certificate } from '../../../x509/certificate.js';
import { nameText } from '../../../x509/names/name.js';
import { sameKey } from '../../../x509/public-key.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import type { ServiceContext } from '../../context.js';

interface Putting {
  readonly file: GivenFile;
  readonly label?: string;
  /** A certificate of a chain: its key lies elsewhere. */
  readonly withoutKey: boolean;
}

export interface PutCertificate {
  readonly token: TokenDescription;
  readonly label: string;
  /** CKA_ID. */
  readonly id: Uint8Array;
  /** RFC 4514. */
  readonly subject: string;
  readonly outcome: 'stored' | 'there already';
  /** The CKA_ID NSS looks for, where the key has another. */
  readonly nssId?: Uint8Array;
}

/** Stores a certificate with the CKA_ID of its key, which must be on the token unless it is a chain's. */
export async function putCertificate(
  context: Pick<ServiceContext, 'openToken'>,
  { file, label, withoutKey }: Putting,
): Promise<PutCertificate> {
  const [certificate, another] = await readCertificates(file, run);
  if (certificate === undefined || another !== undefined)
    throw new HsmongerError(
      'CERTIFICATE_INVALID',
      `${file.name} holds more than one certificate; hand them in one at a time, those above it with --without-key.`,
    );
  const token = await context.openToken({ access: 'write' });
  const nssId = nssKeyId(certificate.spki);
  const place = withoutKey ? placeOfStranger(certificate, label, nssId) : await placeByKey(token, certificate, label);
  const outcome = await token.storeCertificate(certificate.der, place);
  return {
    token: token.description,
    ...place,
    subject: nameText(certificate.subject),
    outcome,
    ...(nssId === undefined || nssId.equals(place.id) ? {} : { nssId }),
  };
}

function placeOfStranger(
  { subject }: Certificate,
  label: string | undefined,
  nssId: Uint8Array | undefined,
): { readonly label: string; readonly id: Uint8Array } {
  if (label === undefined)
    throw new HsmongerError('USAGE', `The certificate for ${nameText(subject)} needs a name on the token: give it with --label.`);
  return { label, id: nssId ?? new Uint8Array() };
}

/** Without a label of its own it takes the nickname of the certificate it follows, else its key's label. */
async function placeByKey(
  token: Token,
  { spki, subject }: Certificate,
  label: string | undefined,
): Promise<{ readonly label: string; readonly id: Uint8Array }> {
  const key = await token.findKey({ by: 'public-key', spki });
  if (label !== undefined) return { label, id: key.id };
  const before = (await token.certificates()).find(({ der, label: its }) => its !== '' && hasKey(der, spki, subject));
  const found = before?.label ?? key.label;
  if (found === '')
    throw new HsmongerError(
      'USAGE',
      `Neither the key nor an earlier certificate for ${nameText(subject)} has a name on token '${token.description.label}'; give one with --label.`,
    );
  return { label: found, id: key.id };
}

/** Foreign objects that are no certificates we understand have no part in it. */
function hasKey(der: Uint8Array, spki: Uint8Array, subject: Uint8Array): boolean {
  try {
    const other = parseCertificate(der);
    return sameKey(other.spki, spki) && Buffer.from(other.subject).equals(subject);
  } catch {
    return false;
  }
}
