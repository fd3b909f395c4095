import type { CertificateConfig } from '../../config/instance.js';
import { lyingOn } from '../../config/token-views.js';
import { asHsmongerError, HsmongerError } from '../../errors.js';
import { journalEntry } from '../../ledger/journal.js';
import { certificatesAbove } from '../../issuer/token/certificates-above.js';
import type { Token, TokenCertificate } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { sameName } from '../../x509/names/name.js';
import { findPath } from '../../x509/path.js';
import { sameKey } from '../../x509/public-key.js';
import { readableCertificates } from '../../x509/readable-certificates.js';
import { withInternal, type SavingContext } from '../saving-context.js';
import { keptAbove } from './above.js';
import { locate, type Located } from './locate.js';

export interface Sight {
  readonly located: Located;
  /** As the token or database that stores it lists those under the nickname; none of a certificate in a file. */
  readonly objects: readonly TokenCertificate[];
  /** Every certificate that could be an issuer. */
  readonly authorities: readonly Certificate[];
}

/** Gathers what there is under the nickname, where its storage is and where copies are, and every certificate that could be an issuer. */
export async function look(context: SavingContext, token: Token | undefined, certificate: CertificateConfig): Promise<Sight> {
  const { nickname, storage } = certificate;
  const internal = await withInternal(context, 'read', (database) => database.certificates());
  const before = readable(
    (journalEntry(context.ledger(), nickname)?.detail.before ?? []).map((der) => ({ der: Buffer.from(der, 'base64') })),
  );
  const sight = async (located: Located, objects: readonly TokenCertificate[]): Promise<Sight> => {
    const here = await authoritiesOf(context, token, located.certificate, readable(internal));
    if (lyingOn(storage) === undefined) return { located, objects, authorities: here };
    const elsewhere = await onOwnToken(context, located.certificate, here);
    // While its issuer's token is away nothing speaks against the certificate: it is looked at again later.
    if ('failure' in elsewhere && 'fault' in findPath(located.certificate, here, context.clock())) throw elsewhere.failure;
    return { located, objects, authorities: 'failure' in elsewhere ? here : [...here, ...elsewhere] };
  };
  switch (storage.kind) {
    case 'token': {
      const objects = (await token?.certificates(nickname)) ?? [];
      const stored = readable(objects);
      return sight(locate(nickname, { place: 'on the token', stored, copies: copiesOf(certificate, stored, internal), before }), objects);
    }
    case 'internal': {
      const objects = internal.filter(({ label }) => label === nickname);
      return sight(locate(nickname, { place: 'in the NSS database', stored: readable(objects), copies: [], before }), objects);
    }
    case 'file': {
      const stored = readable([{ der: certificateInFile(context, certificate) }]);
      return sight(locate(nickname, { place: `in ${storage.certificate}`, stored, copies: [], before }), []);
    }
  }
}

/** What may stand above it on the token of the CA's key, where the certificate lies on another. */
async function onOwnToken(
  context: SavingContext,
  certificate: Certificate,
  known: readonly Certificate[],
): Promise<readonly Certificate[] | { readonly failure: HsmongerError }> {
  if (context.instance.issuer.type !== 'token') return [];
  try {
    const token = await context.openToken({ access: 'read' });
    try {
      return await certificatesAbove(token, certificate, known);
    } finally {
      await token.close();
    }
  } catch (error) {
    return { failure: asHsmongerError(error) };
  }
}

/**
 * From the NSS database, what this host keeps, and the token: what is found there by name, or everything on it where that makes no path.
 */
async function authoritiesOf(
  context: SavingContext,
  token: Token | undefined,
  certificate: Certificate,
  internal: readonly Certificate[],
): Promise<Certificate[]> {
  const withKept = (atHand: readonly Certificate[]) => [...atHand, ...keptAbove(context, certificate, atHand)];
  if (token === undefined) return withKept(internal);
  const authorities = withKept([...(await certificatesAbove(token, certificate, internal)), ...internal]);
  // With the clock: what is found by name may be an expired issuer, and the one after it be stored under the same name in another encoding.
  return 'fault' in findPath(certificate, authorities, context.clock())
    ? withKept([...readable(await token.certificates()), ...internal])
    : authorities;
}

/**
 * A CA's own certificate is also copied into databases under names that others chose ('EXAMPLE.TEST IPA CA'), and Dogtag finds it by its
 * subject.
 */
function copiesOf(
  { nickname, profile }: CertificateConfig,
  stored: readonly Certificate[],
  internal: readonly TokenCertificate[],
): Certificate[] {
  const isOwn = (copy: Certificate) => stored.some((one) => sameKey(one.spki, copy.spki) && sameName(one.subject, copy.subject));
  return [
    ...readable(internal.filter(({ label }) => label === nickname)),
    ...(profile === 'caCACert' ? readable(internal).filter(isOwn) : []),
  ];
}

/** Every certificate stored under the nickname now, DER, none of a file that is not there; the order means nothing. */
export async function storedUnder(context: SavingContext, certificate: CertificateConfig): Promise<Uint8Array[]> {
  const { nickname, storage } = certificate;
  const ders = (objects: readonly TokenCertificate[]) => objects.map(({ der }) => der);
  switch (storage.kind) {
    case 'token': {
      const token = await context.openToken({ access: 'read', on: storage.on });
      try {
        return ders(await token.certificates(nickname));
      } finally {
        await token.close();
      }
    }
    case 'internal':
      return withInternal(context, 'read', async (internal) => ders(await internal.certificates(nickname)));
    case 'file':
      return context.files?.get(nickname)?.certificate === undefined ? [] : [certificateInFile(context, certificate)];
  }
}

/** Whether certmonger has stored anything under the nickname since these certificates (base64 DER) were noted. */
export async function hasNew(context: SavingContext, certificate: CertificateConfig, before: readonly string[]): Promise<boolean> {
  return (await storedUnder(context, certificate)).some((der) => !before.includes(Buffer.from(der).toString('base64')));
}

function certificateInFile(context: SavingContext, certificate: CertificateConfig): Uint8Array {
  const sight = context.files?.get(certificate.nickname);
  if (sight?.certificate !== undefined) return sight.certificate;
  throw new HsmongerError(
    'CERTIFICATE_NOT_FOUND',
    sight?.troubles[0] ?? `The file of '${certificate.nickname}' was not read before the drop to the service user; start this as root.`,
  );
}

function readable(objects: readonly Pick<TokenCertificate, 'der'>[]): Certificate[] {
  return readableCertificates(objects.map(({ der }) => der));
}
