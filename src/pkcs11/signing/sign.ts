import { tokenFailure, returnValueOf } from '../ckr.js';
import type { Cryptoki, Handle } from '../cryptoki.js';
import { ecdsaSigValue } from './ecdsa-signature.js';
import { mechanismName, type SigningWay } from './mechanisms.js';
import type { SignatureAlgorithm } from '../../config/signature-algorithm.js';

export interface SigningSite {
  readonly cryptoki: Cryptoki;
  readonly session: Handle;
  readonly label: string;
  /** How the token makes such a signature, the best way first. */
  readonly ways: (algorithm: SignatureAlgorithm) => readonly SigningWay[];
}

/** RSA with 16,384 bits fits four times over. */
const largestSignature = 8192;
const usualSignature = 1024;

/** A signature, and the CKM_ name of what the token made it with. */
export interface MadeSignature {
  readonly signature: Uint8Array;
  readonly mechanism: string;
}

/**
 * One signature. `authenticate` runs between C_SignInit and C_Sign, for keys that want a login at each use. Nothing else may use the
 * session meanwhile.
 */
export async function signWith(
  site: SigningSite,
  key: Handle,
  algorithm: SignatureAlgorithm,
  data: Uint8Array,
  authenticate?: () => Promise<void>,
): Promise<MadeSignature> {
  const { cryptoki, session } = site;
  try {
    const way = begin(site, key, algorithm);
    const input = way.input(data);
    await authenticate?.();
    const signature = new Uint8Array(await finish(cryptoki, session, input));
    return {
      signature: algorithm.scheme === 'ecdsa' ? ecdsaSigValue(signature) : signature,
      mechanism: mechanismName(way.mechanism),
    };
  } catch (error) {
    throw tokenFailure(error, `Signing on token '${site.label}'`);
  }
}

const notThisWay: ReadonlySet<string | undefined> = new Set(['CKR_MECHANISM_INVALID', 'CKR_MECHANISM_PARAM_INVALID']);

/** Starts the operation by the first way the key takes: a mechanism may be listed and still refused for this key. */
function begin({ cryptoki, session, ways }: SigningSite, key: Handle, algorithm: SignatureAlgorithm): SigningWay {
  let refusal: unknown;
  for (const way of ways(algorithm)) {
    try {
      const { mechanism, parameter } = way;
      cryptoki.C_SignInit(session, { mechanism, ...(parameter === undefined ? {} : { parameter }) }, key);
      return way;
    } catch (error) {
      if (!notThisWay.has(returnValueOf(error))) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

/** CKR_BUFFER_TOO_SMALL leaves the operation active (PKCS#11 2.40 §5.2): again with more room, without a second C_SignInit. */
async function finish(cryptoki: Cryptoki, session: Handle, input: Buffer, room = usualSignature): Promise<Buffer> {
  try {
    return await cryptoki.C_SignAsync(session, input, Buffer.alloc(room));
  } catch (error) {
    if (returnValueOf(error) !== 'CKR_BUFFER_TOO_SMALL' || room >= largestSignature) throw error;
    return finish(cryptoki, session, input, largestSignature);
  }
}
