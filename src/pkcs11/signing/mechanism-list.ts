import pkcs11js from 'pkcs11js';
import { calling } from '../ckr.js';
import type { Cryptoki, Handle } from '../cryptoki.js';
import { mechanismName } from './mechanisms.js';
import { openModule, type ModuleConfig } from '../module/module.js';
import { slotText } from '../slot-text.js';
import { tokensOf } from '../slots.js';
import type { ListedToken } from '../token.js';

/** What a token says of one mechanism (CK_MECHANISM_INFO). */
export interface MechanismFacts {
  /** CKM_… or 0x…. */
  readonly name: string;
  /** sign, verify, generate-key-pair, … */
  readonly uses: readonly string[];
  /** As the token counts them: bits for RSA and curves. 0 where sizes mean nothing. */
  readonly minKeySize: number;
  readonly maxKeySize: number;
}

export interface TokenMechanisms {
  readonly token: ListedToken;
  readonly mechanisms: readonly MechanismFacts[];
}

const uses: readonly (readonly [flag: number, word: string])[] = [
  [pkcs11js.CKF_SIGN, 'sign'],
  [pkcs11js.CKF_VERIFY, 'verify'],
  [pkcs11js.CKF_GENERATE_KEY_PAIR, 'generate-key-pair'],
  [pkcs11js.CKF_GENERATE, 'generate'],
  [pkcs11js.CKF_DIGEST, 'digest'],
  [pkcs11js.CKF_ENCRYPT, 'encrypt'],
  [pkcs11js.CKF_DECRYPT, 'decrypt'],
  [pkcs11js.CKF_WRAP, 'wrap'],
  [pkcs11js.CKF_UNWRAP, 'unwrap'],
  [pkcs11js.CKF_DERIVE, 'derive'],
];

/** The mechanisms of every token the module shows, in its own order. Needs no login. */
export function listMechanisms(config: ModuleConfig): TokenMechanisms[] {
  const module = openModule(config);
  try {
    return tokensOf(module.cryptoki, config.module).tokens.map(({ slot, index, description }) => ({
      token: { ...description, index },
      mechanisms: calling(`Listing the mechanisms of slot ${slotText(description.slotId)} of ${config.module}`, () =>
        module.cryptoki.C_GetMechanismList(slot).map((mechanism) => factsOf(module.cryptoki, slot, mechanism)),
      ),
    }));
  } finally {
    module.release();
  }
}

/** The same of the one slot alone, by its CK_SLOT_ID; empty where it shows no token. */
export function mechanismsIn(config: ModuleConfig, slotId: number): MechanismFacts[] {
  const module = openModule(config);
  try {
    const { cryptoki } = module;
    return tokensOf(cryptoki, config.module)
      .tokens.filter(({ description }) => description.slotId === slotId)
      .flatMap(({ slot }) =>
        calling(`Listing the mechanisms of slot ${slotText(slotId)} of ${config.module}`, () =>
          cryptoki.C_GetMechanismList(slot).map((mechanism) => factsOf(cryptoki, slot, mechanism)),
        ),
      );
  } finally {
    module.release();
  }
}

function factsOf(cryptoki: Cryptoki, slot: Handle, mechanism: number): MechanismFacts {
  const { flags, minKeySize = 0, maxKeySize = 0 } = cryptoki.C_GetMechanismInfo(slot, mechanism);
  return {
    name: mechanismName(mechanism),
    uses: uses.filter(([flag]) => (flags & flag) !== 0).map(([, word]) => word),
    minKeySize,
    maxKeySize,
  };
}
