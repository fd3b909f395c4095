import { HsmongerError } from '../../../errors.js';
import type { Token, TokenKey } from '../../../pkcs11/token.js';
import type { Certificate } from '../../../x509/certificate.js';
import { allows, extendedKeyUsages, findExtension } from '../../../x509/extensions/extensions.js';
import { nameText, sameName } from '../../../x509/names/name.js';
import { oids } from '../../../x509/oids.js';
import { signedBy, validityFault } from '../../../x509/path.js';
import { sameKey } from '../../../x509/public-key.js';
import { readableObjects } from '../../../x509/readable-certificates.js';
import { authorityKey, type Authority } from '../authority.js';

/** Whose signature stands under OCSP answers. */
export interface ResponderKey {
  readonly certificate: Certificate;
  readonly key: TokenKey;
  /** The one the key is on. */
  readonly token: Token;
  /** The CA's own key, or one it has given the right to (RFC 6960 §4.2.2.2). */
  readonly kind: 'authority' | 'delegate';
  /** What clients may stumble over, a sentence each. */
  readonly warnings: readonly string[];
}

interface Candidate {
  readonly token: Token;
  readonly certificate: Certificate;
  readonly id: Uint8Array;
}

/** The CA, and whether its own key could sign now. */
export type CaAtHand =
  | { readonly kind: 'there'; readonly certificate: Certificate; readonly token: Token; readonly authority: Authority }
  | {
      readonly kind: 'away';
      /** As it was last seen. */
      readonly certificate: Certificate;
      readonly why: HsmongerError;
    };

/** What is asked of a certificate that is to sign answers. */
export interface ResponderWish {
  readonly nickname: string | undefined;
  readonly now: Date;
  /** Why a certificate of the CA is not to be relied on, as the end of a sentence. */
  readonly revocationFault: (certificate: Certificate) => string | undefined;
}

/**
 * The certificate of this nickname, or of those on the tokens that the CA's key signed for OCSP the valid one that lasts longest and is not
 * revoked, or else the CA's own. Logs in. CERTIFICATE_NOT_FOUND, PROFILE_MISMATCH, REVOCATION_REFUSED or KEY_NOT_FOUND where a named one
 * does not do; why the CA is away where none but its key could sign.
 */
export async function findResponderKey(
  tokens: readonly Token[],
  ca: CaAtHand,
  { nickname, now, revocationFault }: ResponderWish,
): Promise<ResponderKey> {
  const isDelegate = ({ certificate }: Candidate) => delegateFault(certificate, ca.certificate, now) === undefined;
  let named = await candidatesOn(tokens, nickname ?? { issuer: ca.certificate.subject });
  // Some tools store a certificate without its CKA_ISSUER.
  if (nickname === undefined && !named.some(isDelegate)) named = await candidatesOn(tokens, undefined);
  const fitting = named.filter(isDelegate).sort((a, b) => b.certificate.notAfter.getTime() - a.certificate.notAfter.getTime());
  // Nobody else finds that out: id-pkix-ocsp-nocheck keeps clients from asking.
  const withdrawn = fitting.flatMap(({ token, certificate }) => {
    const fault = revocationFault(certificate);
    return fault === undefined
      ? []
      : [{ certificate, sentence: `The OCSP certificate of ${nameText(certificate.subject)} on ${where(token)} ${fault}` }];
  });
  const delegates = fitting.filter(({ certificate }) => withdrawn.every((one) => one.certificate !== certificate));
  const isAuthority = named.some(({ certificate }) => sameKey(certificate.spki, ca.certificate.spki));
  if (nickname !== undefined && delegates.length === 0 && !isAuthority) {
    const [first] = named;
    // It may lie on the token that is away.
    if (first === undefined && ca.kind === 'away') throw ca.why;
    if (first === undefined)
      throw new HsmongerError(
        'CERTIFICATE_NOT_FOUND',
        `There is no certificate '${nickname}' on ${tokens.map(where).join(' or ')}; --nickname must name the one OCSP answers are signed with.`,
      );
    const [revoked] = withdrawn;
    if (revoked !== undefined)
      throw new HsmongerError(
        'REVOCATION_REFUSED',
        `${revoked.sentence}, so it signs no OCSP answers. Leave --nickname out, or have another one issued with the profile caOCSPCert.`,
      );
    throw new HsmongerError(
      'PROFILE_MISMATCH',
      `'${nickname}' on ${where(first.token)} cannot sign OCSP answers for ${nameText(ca.certificate.subject)}: it ${delegateFault(first.certificate, ca.certificate, now) ?? 'does not fit'}. Name another, or have one issued with the profile caOCSPCert.`,
    );
  }
  const passedOver = withdrawn.map(({ sentence }) => `${sentence}; it is passed over.`);
  let failure: unknown;
  for (const { token, certificate, id } of delegates) {
    try {
      const key = await token.findKey({ by: 'public-key', spki: certificate.spki, id });
      return { token, certificate, key, kind: 'delegate', warnings: [...passedOver, ...warningsFor(certificate), ...awayNote(ca)] };
    } catch (error) {
      // A certificate may lie on a token without its key.
      if (!(error instanceof HsmongerError && error.code === 'KEY_NOT_FOUND')) throw error;
      failure = error;
    }
  }
  if (nickname !== undefined && !isAuthority) throw failure;
  if (ca.kind === 'away') throw explained(ca.why, passedOver);
  const { authority, certificate, token } = ca;
  const fault = validityFault(certificate, now);
  const ended =
    fault === undefined
      ? []
      : [`The CA certificate of ${nameText(certificate.subject)} ${fault}, so nobody believes an OCSP answer it signs; renew it.`];
  return { token, certificate, key: await authorityKey(token, authority), kind: 'authority', warnings: [...passedOver, ...ended] };
}

/** Why the CA's key is away, and why none but it could sign. */
function explained(why: HsmongerError, passedOver: readonly string[]): HsmongerError {
  if (passedOver.length === 0) return why;
  return new HsmongerError(why.code, `${why.message} ${passedOver.join(' ')}`, { cause: why });
}

function awayNote(ca: CaAtHand): string[] {
  return ca.kind === 'there'
    ? []
    : [`The CA's own token is away, which OCSP answers do not need as long as this certificate signs them: ${ca.why.message}`];
}

/** One token after another: those of one module do not like company. */
async function candidatesOn(tokens: readonly Token[], wanted: Parameters<Token['certificates']>[0]): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const token of tokens)
    found.push(...readableObjects(await token.certificates(wanted)).map(({ certificate, id }) => ({ token, certificate, id })));
  return found;
}

const where = (token: Token) => `token '${token.description.label}'`;

/** Why clients would not take its answers (RFC 6960 §4.2.2.2), as the end of a sentence. */
function delegateFault(certificate: Certificate, authority: Certificate, now: Date): string | undefined {
  if (!extendedKeyUsages(certificate.extensions).includes(oids.ocspSigning)) return 'has not the extended key usage OCSPSigning';
  if (allows(certificate, 'digitalSignature') === false) return 'has a key usage without digitalSignature';
  if (!sameName(certificate.issuer, authority.subject) || !signedBy(certificate, authority.spki)) return 'was not issued by that CA itself';
  return validityFault(certificate, now);
}

function warningsFor(certificate: Certificate): string[] {
  if (findExtension(certificate.extensions, oids.ocspNoCheck) !== undefined) return [];
  return [
    `The OCSP certificate of ${nameText(certificate.subject)} has not the extension id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1), so clients may ask whether it is revoked itself, and give up; have one issued with the profile caOCSPCert.`,
  ];
}
