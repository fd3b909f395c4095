import { HsmongerError } from '../../../errors.js';
import { exclusively } from '../../../ledger/exclusively.js';
import type { Token } from '../../../pkcs11/token.js';
import { run } from '../../../platform/run.js';
import { readCertificates, type GivenFile } from '../../../renewal/importing/read-certificates.js';
import { ownPlace } from '../../../issuer/token/own/place.js';
import { opensslFault } from '../../../x509/acceptable.js';
import type { Certificate } from '../../../x509/certificate.js';
import { equalBytes } from '../../../x509/der.js';
import { nameText } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { findPath, role } from '../../../x509/path.js';
import { sameKey } from '../../../x509/public-key.js';
import { readableObjects } from '../../../x509/readable-certificates.js';
import type { ServiceContext } from '../../context.js';
import { tokenIssuerOf } from '../../own-authority.js';
import { keyFactsOf, type OwnCa } from './make-root.js';
import { keyAskedFor } from './request-ca.js';
import { storeAbove } from './store-above.js';

interface StoreInput {
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER, in any order: what stands above it. */
  readonly above: readonly Uint8Array[];
  /** What the CA that issued it calls itself. */
  readonly issuerNickname?: string;
}

/** Another process may be making a key of 4096 bits on a slow token. */
const busyMs = 300_000;

export interface StoredCa extends OwnCa {
  /** Labels of what was stored of the chain. */
  readonly beside: readonly string[];
}

/**
 * Puts a CA's first certificate, which another CA made, on the token under the issuer's nickname, and beside it what stands above it there
 * is not yet; each only once. Refuses what does not validate up to a root, has no key there, or is none of a CA's (design rule 3).
 */
export async function storeCa(context: ServiceContext, { certificate, above, issuerNickname }: StoreInput): Promise<StoredCa> {
  const token = await context.openToken({ access: 'write' });
  return storeOwn(
    context,
    token,
    parseCertificate(certificate, 'The certificate of the CA'),
    above.map((one) => parseCertificate(one, 'A certificate above it')),
    issuerNickname,
  );
}

async function storeOwn(
  context: ServiceContext,
  token: Token,
  certificate: Certificate,
  above: readonly Certificate[],
  issuerNickname?: string,
): Promise<StoredCa> {
  const { certificate: nickname } = tokenIssuerOf(context.instance);
  // Before the ledger is locked, because the PIN's guard has a lock of its own.
  await token.login();
  // Another process may be storing the same.
  return exclusively(context.ledger(), busyMs, () => storeMissing(context, token, nickname, certificate, above, issuerNickname));
}

async function storeMissing(
  context: ServiceContext,
  token: Token,
  nickname: string,
  certificate: Certificate,
  above: readonly Certificate[],
  issuerNickname?: string,
): Promise<StoredCa> {
  const { der } = certificate;
  const where = `token '${token.description.label}'`;
  const objects = readableObjects(await token.certificates());
  const chain = chainOf(context.clock(), certificate, [...above, ...objects.map((object) => object.certificate)]);
  const placed = ownPlace(objects, nickname, certificate.subject, where);
  const key = await token.findKey({ by: 'public-key', spki: certificate.spki });
  const there = placed.some((object) => equalBytes(object.certificate.der, der));
  // The chain first: a CA that is there without it could not be found by what issues.
  const beside = await storeAbove(token, objects, chain, [nickname], issuerNickname);
  if (!there) await token.storeCertificate(der, { label: nickname, id: key.id });
  return { certificate: der, key: keyFactsOf({ key, spki: certificate.spki, made: false }), there, beside };
}

interface ImportInput {
  readonly certificate: GivenFile;
  readonly chain: readonly GivenFile[];
}

/** The same with files another CA gave back, for a request of `requestCa`: the certificate is the one whose key is on the token. */
export async function importCa(context: ServiceContext, { certificate, chain }: ImportInput): Promise<StoredCa> {
  const given = await readCertificates(certificate, run);
  const above = (await Promise.all(chain.map((file) => readCertificates(file, run)))).flat();
  const token = await context.openToken({ access: 'write' });
  const keys = await token.keys();
  const [own, another] = given.filter(({ spki }) => keys.some((key) => key.spki !== undefined && sameKey(key.spki, spki)));
  const where = `token '${token.description.label}'`;
  if (own === undefined)
    throw new HsmongerError(
      'KEY_MISMATCH',
      `None of the certificates in ${certificate.name} is for a key on ${where}; hand in the answer to the request 'hsmonger ca csr' wrote.`,
    );
  if (another !== undefined)
    throw new HsmongerError(
      'CERTIFICATE_INVALID',
      `${certificate.name} holds several certificates for keys on ${where}; hand in the CA's own, and the others as its chain.`,
    );
  const asked = keyAskedFor(context);
  // Several CAs of one token may wait for their answers at a time.
  if (asked !== undefined && !sameKey(asked, own.spki))
    throw new HsmongerError(
      'KEY_MISMATCH',
      `The certificate of ${nameText(own.subject)} in ${certificate.name} is for another key on ${where} than the request of '${context.instance.name}'; hand in the answer to that request, or name the --instance whose answer this is.`,
    );
  return storeOwn(context, token, own, [...given, ...above]);
}

function chainOf(now: Date, certificate: Certificate, pool: readonly Certificate[]): Certificate[] {
  const unreadable = opensslFault(certificate);
  const path = findPath(certificate, pool, now);
  const fault =
    unreadable !== undefined
      ? `OpenSSL cannot read it: ${unreadable}`
      : role(certificate) !== 'ca'
        ? 'it is no CA certificate'
        : 'fault' in path
          ? `${path.fault} (hand in every certificate above it as well, the root included)`
          : undefined;
  if (fault !== undefined || 'fault' in path)
    throw new HsmongerError('CERTIFICATE_INVALID', `The certificate of ${nameText(certificate.subject)} was not stored: ${fault ?? ''}.`);
  return [...path.chain, ...path.roots].filter(({ der }) => !equalBytes(der, certificate.der));
}
