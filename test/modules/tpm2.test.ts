import { describe, expect, it } from 'vitest';
import { parseKeyType } from '../../src/pkcs11/objects/key-type.js';
import { openToken } from '../../src/pkcs11/open-token.js';
import { guardInMemory } from '../pkcs11/fake-cryptoki.js';
import { privateDirectory } from '../rig/directory.js';
import type { RawKeyType } from '../rig/modules/raw-keys.js';
import { tpm2 } from '../rig/modules/tpm2.js';
import { suite } from './suite.js';

/** A failure leaves its session in the TPM, which has room for three when no resource manager cleans up: on a TPM of its own each. */
const jamming: readonly [RawKeyType, RegExp][] = [
  // Fails over CKA_DECRYPT=false; with a resource manager the second form is taken.
  ['rsa:2048', /^Making a key on token 'tpm token' failed with CKR_GENERAL_ERROR: .*[.]$/u],
  // Beyond this TPM.
  ['rsa:3072', /^Making a key on token 'tpm token' failed with CKR_\w+: .*[.]$/u],
];

describe('a token in a TPM', () => {
  suite({ make: tpm2, keyTypes: ['rsa:2048', 'P-256', 'P-384'], ordered: ['P-256', 'P-384', 'Ed25519'] });
});

describe('what a bare TPM does not make', () => {
  it.each(jamming)('%s is refused in a sentence', async (type, sentence) => {
    const directory = privateDirectory();
    const rig = await tpm2({ directory: directory.path });
    const token = await openToken(rig.token, { pins: guardInMemory(), access: 'write' });
    try {
      await expect(token.generateKeyPair({ type: parseKeyType(type), label: 'refused' })).rejects.toMatchObject({
        message: expect.stringMatching(sentence) as string,
      });
    } finally {
      await token.close();
      await rig.stop();
      directory.remove();
    }
  });

  it('P-521 is made, and does not sign: the module cannot read its own point', async () => {
    const directory = privateDirectory();
    const rig = await tpm2({ directory: directory.path });
    const token = await openToken(rig.token, { pins: guardInMemory(), access: 'write' });
    try {
      const key = await token.generateKeyPair({ type: parseKeyType('P-521'), label: 'P-521' });
      await expect(token.sign(key, { scheme: 'ecdsa', digest: 'sha512' }, Buffer.from('x'))).rejects.toMatchObject({
        code: 'TOKEN_FAILED',
      });
    } finally {
      await token.close();
      await rig.stop();
      directory.remove();
    }
  });
});
