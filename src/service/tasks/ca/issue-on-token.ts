import { HsmongerError } from '../../../errors.js';
import { orderedRequest } from '../../../issuer/token/issuance/order.js';
import { planOrdered } from '../../../issuer/token/issuance/prepared.js';
import { assertHeldBy, heldKey } from '../../../issuer/token/own/held-key.js';
import { ownKey } from '../../../issuer/token/own/own-key.js';
import { assertKeyFree, type Placed } from '../../../issuer/token/own/place.js';
import { assertNotWithdrawn } from '../../../issuer/token/revocation/withdrawn.js';
import { exclusively } from '../../../ledger/exclusively.js';
import { assertLabel } from '../../../pkcs11/objects/object-label.js';
import { parseKeyType } from '../../../pkcs11/objects/key-type.js';
import { openSigningOnceMore } from '../../../pkcs11/signing/once-more.js';
import type { KeySelector, Token, TokenCertificate, TokenKey } from '../../../pkcs11/token.js';
import { assembleRequest, buildRequestInfo } from '../../../x509/build-csr.js';
import type { Certificate } from '../../../x509/certificate.js';
import { equalBytes } from '../../../x509/der.js';
import { nameText, sameName } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { parseCsr } from '../../../x509/parse-csr.js';
import { readableObjects } from '../../../x509/readable-certificates.js';
import { algorithmIdentifier, fittingAlgorithm } from '../../../x509/signature-algorithm.js';
import { standInRequest } from '../../../x509/stand-in-request.js';
import type { ServiceContext } from '../../context.js';
import { aboveOf, issueThrough, issuingCaOf, orderOf, type Above, type OrderInput } from './issue-certificates.js';
import { keyFactsOf, type OwnKeyFacts } from './make-root.js';

interface Input extends OrderInput {
  /** CKA_LABEL of the certificate, and of a new key. */
  readonly nickname: string;
  /** The name of the instance's further token that is to have both; the CA's own where absent. */
  readonly on?: string;
  readonly key:
    { readonly kind: 'new'; /** As for keygen. */ readonly type: string } | { readonly kind: 'present'; readonly selector: KeySelector };
  /** DER Name. */
  readonly subject: Uint8Array;
}

/** A certificate that lies on the token with its key. */
interface OnToken extends Above {
  readonly certificate: Uint8Array;
  /** It had been issued before. */
  readonly before: boolean;
  readonly stored: 'stored' | 'there already';
  readonly key: OwnKeyFacts;
  /** Label of the token they are on. */
  readonly token: string;
}

/**
 * Issues a certificate for a key on one of the instance's tokens and stores it there. What was interrupted goes on: a key of this label is taken as
 * the one that was made then, and the same order gives the same certificate.
 */
export async function issueOnToken(context: ServiceContext, { nickname, on, key: source, ...input }: Input): Promise<OnToken> {
  const order = orderOf(input);
  const ca = await issuingCaOf(context);
  const { request, key, label } = await aloneWithToken(context, on, async (token) => {
    const certificates = await token.certificates();
    // What the CA would refuse is refused before a key is made; under its policy the subject may be another than the one asked for.
    const { subject } = planOrdered(context.clock(), ca, parseCsr(standInRequest(input.subject)), order);
    assertFree(token, certificates, nickname, subject);
    const objects = readableObjects(certificates);
    const found = await keyFrom(
      token,
      nickname,
      source,
      objects.filter(({ label }) => label === nickname),
    );
    const spki = publicHalf(token, found.key);
    assertNotWithdrawn(context.ledger(), { spki });
    const others = objects.filter(({ label }) => label !== nickname);
    assertKeyFree(others, spki, `token '${token.description.label}'`);
    const request = await requestBy(token, found.key, spki, input.subject);
    return { request, key: { ...found, spki }, label: token.description.label };
  });
  // ECDSA signs differently each time: what is asked for is the request without its signature.
  const csr = parseCsr(request);
  const again = orderedRequest({ ...csr, der: csr.info }, order, ca.authority.certificate.spki);
  const [result] = await issueThrough(context, ca, order, [{ name: nickname, csr: request, request: again }], new AbortController().signal);
  if (result === undefined) throw new HsmongerError('INTERNAL', 'One request had no result.');
  if ('problem' in result) throw new HsmongerError(result.problem.code, result.problem.message);
  const { certificate: issued, before } = result;
  const { stored, certificate } = await aloneWithToken(context, on, async (token) => {
    const renewed = before ? renewedSince(await token.certificates(), nickname, parseCertificate(issued)) : undefined;
    if (renewed !== undefined) return { stored: 'there already' as const, certificate: renewed };
    return { stored: await token.storeCertificate(issued, { label: nickname, id: key.key.id }), certificate: issued };
  });
  return { certificate, before, stored, key: keyFactsOf(key), token: label, ...aboveOf(ca.authority) };
}

/**
 * What certmonger has put in the place of the certificate of this order: were the first put beside it again, whoever takes the first of a
 * nickname would get that one.
 */
function renewedSince(certificates: readonly TokenCertificate[], nickname: string, issued: Certificate): Uint8Array | undefined {
  return readableObjects(certificates).find(
    ({ label, certificate: { spki, notAfter } }) => label === nickname && equalBytes(spki, issued.spki) && notAfter > issued.notAfter,
  )?.der;
}

/** Another process may be making a key of 4096 bits on a slow token. */
const busyMs = 300_000;

/** No two processes look for a key or a certificate and put it there where there is none. */
async function aloneWithToken<T>(context: ServiceContext, on: string | undefined, work: (token: Token) => Promise<T>): Promise<T> {
  const token = await openSigningOnceMore(() => context.openToken({ access: 'write', on }));
  try {
    // Before the ledger is locked, because the PIN's guard has a lock of its own.
    await token.login();
    return await exclusively(context.ledger(), busyMs, () => work(token));
  } finally {
    await token.close();
  }
}

/** certmonger deletes what shares a subject on one token, the key with it; NSS takes a nickname for one subject. Before a key is made. */
function assertFree(token: Token, certificates: readonly TokenCertificate[], nickname: string, subject: Uint8Array): void {
  assertLabel(nickname, 'A certificate');
  const stranger = certificates.find(({ label, der }) => label === nickname && !hasSubject(der, subject));
  if (stranger !== undefined)
    throw new HsmongerError(
      'OBJECT_EXISTS',
      `The nickname '${nickname}' on token '${token.description.label}' belongs to a certificate for another subject than ${nameText(subject)}, and NSS takes a nickname for one subject; choose another.`,
    );
  const clash = certificates.find(({ label, der }) => label !== nickname && hasSubject(der, subject));
  if (clash !== undefined)
    throw new HsmongerError(
      'OBJECT_EXISTS',
      `The certificate '${clash.label}' on token '${token.description.label}' has the subject ${nameText(subject)} already, and certmonger tells certificates of one token apart by their subject; choose another.`,
    );
}

function hasSubject(der: Uint8Array, subject: Uint8Array): boolean {
  try {
    return sameName(parseCertificate(der).subject, subject);
  } catch {
    return false;
  }
}

/** `held` lies under the nickname already. */
async function keyFrom(
  token: Token,
  nickname: string,
  source: Input['key'],
  held: readonly Placed[],
): Promise<{ readonly key: TokenKey; readonly made: boolean }> {
  if (source.kind === 'present') {
    const key = await token.findKey(source.selector);
    assertHeldBy(held, publicHalf(token, key), `token '${token.description.label}'`);
    return { key, made: false };
  }
  const type = parseKeyType(source.type);
  const key = await heldKey(token, held, type);
  if (key !== undefined) return { key, made: false };
  return ownKey(token, { kind: 'made', type, label: nickname });
}

/** DER SubjectPublicKeyInfo. */
function publicHalf(token: Token, { spki, label }: TokenKey): Uint8Array {
  if (spki !== undefined) return spki;
  throw new HsmongerError(
    'KEY_UNUSABLE',
    `Token '${token.description.label}' does not give the public half of key '${label}' away, so nothing can be certified; store its public key object beside it.`,
  );
}

async function requestBy(token: Token, key: TokenKey, spki: Uint8Array, subject: Uint8Array): Promise<Uint8Array> {
  const algorithm = fittingAlgorithm(spki, {}, `The key '${key.label}'`);
  const info = buildRequestInfo({ subject, spki, extensions: [] });
  return assembleRequest(info, algorithmIdentifier(algorithm), await token.sign(key, algorithm, info));
}
