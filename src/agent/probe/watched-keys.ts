import type { Instance } from '../../config/instance.js';
import type { SignatureChoice } from '../../config/signature-algorithm.js';
import type { KeyProbe } from '../../diagnosis/probe.js';
import { asHsmongerError, HsmongerError } from '../../errors.js';
import { provingSignature } from '../../issuer/proving-signature.js';
import type { Token, TokenKey } from '../../pkcs11/token.js';
import type { Certificate } from '../../x509/certificate.js';
import { parseCertificate } from '../../x509/parse-certificate.js';

/** A key found through a session, and its certificate's public key. */
export interface WatchedKey {
  readonly key: TokenKey;
  readonly spki: Uint8Array;
}

/** Nicknames of the certificates whose keys renewals need on the token: those that lie there, and the CA's that signs there. */
export function watchedNicknames({ certificates, issuer, partOn }: Pick<Instance, 'certificates' | 'issuer' | 'partOn'>): string[] {
  const there = certificates.filter(({ storage }) => storage.kind === 'token').map(({ nickname }) => nickname);
  return [...new Set(issuer.type === 'token' && partOn === undefined ? [...there, issuer.certificate] : there)];
}

/**
 * Finds each certificate by its nickname and its key by the public key in it. Failures of a single one are its problem; all others throw.
 */
export async function findWatched(
  token: Token,
  nicknames: readonly string[],
): Promise<{ readonly found: Map<string, WatchedKey>; readonly problems: Record<string, KeyProbe> }> {
  const found = new Map<string, WatchedKey>();
  const problems: Record<string, KeyProbe> = {};
  for (const nickname of nicknames) {
    const candidates = await token.certificates(nickname);
    try {
      found.set(nickname, await keyOf(token, nickname, candidates));
    } catch (error) {
      problems[nickname] = problemOf(error);
    }
  }
  return { found, problems };
}

/** Of several certificates under a nickname the newest whose key is there: a superseded one may be left over. */
async function keyOf(token: Token, nickname: string, candidates: Awaited<ReturnType<Token['certificates']>>): Promise<WatchedKey> {
  const parsed = candidates
    .map(({ id, der }) => ({ id, certificate: parseCertificate(der, `The certificate '${nickname}'`) }))
    .sort((left, right) => end(right) - end(left));
  const [newest] = parsed;
  if (newest === undefined)
    throw new HsmongerError(
      'CERTIFICATE_NOT_FOUND',
      `There is no certificate '${nickname}' on token '${token.description.label}', so its key cannot be told; check with 'hsmonger token list' what became of it.`,
    );
  let failure: unknown;
  for (const {
    id,
    certificate: { spki },
  } of parsed) {
    try {
      return { key: await token.findKey({ by: 'public-key', spki, id }), spki };
    } catch (error) {
      failure ??= error;
      if (!(error instanceof HsmongerError && error.code === 'KEY_NOT_FOUND')) throw error;
    }
  }
  throw failure;
}

function end({ certificate }: { readonly certificate: Certificate }): number {
  return certificate.notAfter.getTime();
}

/**
 * Signs a random text and verifies the signature with the certificate's public key; `choice` is what the CA signs with, where the key is
 * the CA's.
 */
export async function proveKey(token: Token, { key, spki }: WatchedKey, choice: SignatureChoice): Promise<KeyProbe> {
  try {
    const { verified, latencyMs } = await provingSignature(token, key, spki, choice);
    if (verified) return { ok: true, latencyMs };
    return {
      ok: false,
      code: 'KEY_MISMATCH',
      problem: `A signature by token '${token.description.label}' does not verify with the certificate's public key; the key and its certificate do not belong together, or the token is broken.`,
    };
  } catch (error) {
    return problemOf(error);
  }
}

function problemOf(error: unknown): KeyProbe {
  const { code, message } = asHsmongerError(error);
  return { ok: false, code, problem: message };
}
