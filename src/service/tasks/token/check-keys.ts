import { tokenOf } from '../../../config/token-of.js';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { provingSignature, type ProvingSignature } from '../../../issuer/proving-signature.js';
import { ownUses, type OwnUse } from '../../../pkcs11/own-uses.js';
import { mechanismsIn } from '../../../pkcs11/signing/mechanism-list.js';
import type { Token, TokenKey } from '../../../pkcs11/token.js';
import type { ServiceContext } from '../../context.js';

/** One key's proof. */
export interface KeyCheck {
  readonly key: TokenKey;
  readonly ok: boolean;
  /** CKM_ name of what the token signs with. */
  readonly mechanism?: string;
  /** Of one signature, milliseconds: the median of those made, and the fastest. */
  readonly latencyMs?: number;
  readonly fastestMs?: number;
  /** Why not, as a sentence. */
  readonly problem?: string;
}

export interface TokenCheck {
  readonly keys: readonly KeyCheck[];
  /** What the token lists, CKM_… or 0x… */
  readonly mechanisms: readonly string[];
  /** What of it is for us. */
  readonly uses: readonly OwnUse[];
}

/** Enough for a median that one slow signature does not move. */
const signaturesForLatency = 5;

/**
 * Signs random texts with each private key and verifies the signatures with its public key. `force` spends the last PIN attempt before the
 * token locks.
 */
export async function checkKeys(context: ServiceContext, { force }: { readonly force: boolean }): Promise<TokenCheck> {
  const token = await context.openToken({ force });
  const keys = await proveKeys(token, await token.keys('protection'), signaturesForLatency);
  const facts = mechanismsIn(tokenOf(context.instance), token.description.slotId);
  return { keys, mechanisms: facts.map(({ name }) => name), uses: ownUses(facts) };
}

/** The same with keys that were found through this token's session, `signatures` by each. */
export async function proveKeys(token: Token, keys: readonly TokenKey[], signatures = 1): Promise<KeyCheck[]> {
  const checks: KeyCheck[] = [];
  for (const key of keys) checks.push(await checked(token, key, signatures));
  return checks;
}

async function checked(token: Token, key: TokenKey, signatures: number): Promise<KeyCheck> {
  const { spki } = key;
  if (key.type === 'other')
    return { key, ok: false, problem: 'hsmonger does not sign with a key of this kind; it takes RSA, P-256, P-384, P-521 and Ed25519.' };
  if (spki === undefined)
    return {
      key,
      ok: false,
      problem:
        'The token shows no public value for this key, neither in the key itself nor in one public key object with its CKA_ID, so a signature cannot be verified.',
    };
  if (!key.canSign) return { key, ok: false, problem: 'The token does not allow this key to sign (CKA_SIGN is false).' };
  const made: ProvingSignature[] = [];
  try {
    for (let n = 0; n < signatures && made.every(({ verified }) => verified); n++) made.push(await provingSignature(token, key, spki));
  } catch (error) {
    if (error instanceof HsmongerError && error.code.startsWith('PIN_')) throw error;
    return { key, ok: false, problem: sentenceOf(error) };
  }
  const facts = { key, ...timed(made), ...signedWith(made) };
  return made.every(({ verified }) => verified)
    ? { ...facts, ok: true }
    : { ...facts, ok: false, problem: 'The signature does not verify with the public key the token gives for it.' };
}

function timed(made: readonly ProvingSignature[]): Pick<KeyCheck, 'latencyMs' | 'fastestMs'> {
  const sorted = made.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
  const [fastestMs, latencyMs] = [sorted[0], sorted[Math.floor(sorted.length / 2)]];
  return { ...(latencyMs === undefined ? {} : { latencyMs }), ...(fastestMs === undefined ? {} : { fastestMs }) };
}

function signedWith([first]: readonly ProvingSignature[]): Pick<KeyCheck, 'mechanism'> {
  return first?.mechanism === undefined ? {} : { mechanism: first.mechanism };
}
