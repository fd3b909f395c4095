import { describe, expect, it } from 'vitest';
import { ownUses } from '../../src/pkcs11/own-uses.js';
import type { MechanismFacts } from '../../src/pkcs11/signing/mechanism-list.js';

const makes = (name: string, minKeySize = 0, maxKeySize = 0): MechanismFacts => ({
  name,
  uses: ['generate-key-pair'],
  minKeySize,
  maxKeySize,
});
const signs = (name: string): MechanismFacts => ({ name, uses: ['sign', 'verify'], minKeySize: 0, maxKeySize: 0 });
const of = (use: string, ...facts: MechanismFacts[]) => ownUses(facts).find((one) => one.use === use);

describe('what a token can be for us', () => {
  it('is nothing where it lists nothing, and what would do is named', () => {
    expect(ownUses([]).every(({ possible, mechanisms }) => possible.length === 0 && mechanisms.length > 0)).toBe(true);
    expect(of('make Ed25519 keys')).toMatchObject({ possible: [], mechanisms: ['CKM_EC_EDWARDS_KEY_PAIR_GEN'] });
    expect(of('sign with RSA, PSS')?.mechanisms).toContain('CKM_RSA_PKCS_PSS');
  });

  it('is limited by the sizes of keys it says, unless those mean nothing', () => {
    const curves = (min: number, max: number) => of('make keys on curves', makes('CKM_ECDSA_KEY_PAIR_GEN', min, max))?.possible;
    expect(curves(256, 384)).toEqual(['P-256', 'P-384']);
    expect(curves(0, 0)).toEqual(['P-256', 'P-384', 'P-521']);
    // Octets.
    expect(curves(32, 66)).toEqual(['P-256', 'P-384', 'P-521']);
    expect(of('make RSA keys', makes('CKM_RSA_PKCS_KEY_PAIR_GEN', 1024, 2048))?.possible).toEqual(['rsa:2048']);
    expect(of('make Ed25519 keys', makes('CKM_EC_EDWARDS_KEY_PAIR_GEN', 0, 0))?.possible).toEqual(['Ed25519']);
  });

  it.each([
    ['sign with RSA, PKCS#1', 'CKM_RSA_PKCS', 'CKM_SHA384_RSA_PKCS'],
    ['sign with RSA, PSS', 'CKM_RSA_PKCS_PSS', 'CKM_SHA384_RSA_PKCS_PSS'],
    ['sign with a key on a curve', 'CKM_ECDSA', 'CKM_ECDSA_SHA384'],
  ])('%s: the raw mechanism takes every digest, one that hashes its own', (use, raw, hashing) => {
    expect(of(use, signs(raw))).toMatchObject({ possible: ['sha256', 'sha384', 'sha512'], mechanisms: [raw] });
    expect(of(use, signs(hashing))).toMatchObject({ possible: ['sha384'], mechanisms: [hashing] });
    expect(of(use, signs(raw), signs(hashing))?.mechanisms).toEqual([raw, hashing]);
    expect(of(use, { ...signs(raw), uses: ['verify'] })?.possible).toEqual([]);
  });
});
