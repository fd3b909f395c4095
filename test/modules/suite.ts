import { createPublicKey, verify } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseKeyType } from '../../src/pkcs11/objects/key-type.js';
import { nssKeyId } from '../../src/pkcs11/objects/nss-key-id.js';
import { listTokens, openToken } from '../../src/pkcs11/open-token.js';
import { openSigningPool } from '../../src/pkcs11/signing/pool.js';
import type { Token } from '../../src/pkcs11/token.js';
import { guardInMemory } from '../pkcs11/fake-cryptoki.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { makeKeys, type RawKeyType } from '../rig/modules/raw-keys.js';
import type { MakeRig, ModuleRig } from '../rig/modules/rig.js';
import { schemesOf } from './capabilities.js';
import { opensslVerifies, selfSigned } from './judge.js';

/** What a module is known to be; everything else the suite finds out from the token's own mechanism list. */
export interface Expected {
  readonly make: MakeRig;
  /** Key types that can be made, of all the suite tries: written down, so that a rig that lost one fails. */
  readonly keyTypes: readonly RawKeyType[];
  /**
   * Those that our own key generation is asked for as well; all that the suite tries unless something else says what becomes of the others.
   */
  readonly ordered?: readonly RawKeyType[];
}

const everyType: readonly RawKeyType[] = ['rsa:2048', 'rsa:3072', 'P-256', 'P-384', 'P-521', 'Ed25519'];

/** The same on every module, by configuration alone. What the module's list lacks must be refused in our own words. */
export function suite({ make, keyTypes, ordered = everyType }: Expected): void {
  let directory: PrivateDirectory;
  let rig: ModuleRig;
  let token: Token;

  beforeAll(async () => {
    directory = privateDirectory();
    rig = await make({ directory: directory.path });
    await makeKeys(rig, keyTypes);
  });

  // The module too is started anew each time: without a resource manager a TPM has room for one key in use.
  beforeEach(async () => {
    token = await openToken(rig.token, { pins: guardInMemory(), access: 'write' });
  });

  afterEach(() => token.close());

  afterAll(async () => {
    await rig.stop();
    directory.remove();
  });

  describe('the token', () => {
    it('is listed and found by label, slot, index and URI', async () => {
      const all = listTokens(rig.token);
      const listed = all.find(({ label }) => label === rig.label)!;
      expect(listed).toMatchObject({ label: rig.label, initialized: true, loginRequired: true, writeProtected: false, pin: 'fine' });
      const { slotId, index, serial, model } = listed;
      for (const selector of [
        { by: 'slot', slotId },
        { by: 'slot-index', index },
        { by: 'uri', uri: `pkcs11:token=${encodeURIComponent(rig.label)};serial=${serial};model=${encodeURIComponent(model)}` },
      ] as const) {
        const found = await openToken({ ...rig.token, selector }, { pins: guardInMemory() });
        expect(found.description.label).toBe(rig.label);
        await found.close();
      }
    });

    it('lists the mechanisms its keys want, and Ed25519 only where it can', async () => {
      const mechanisms = await token.mechanisms();
      expect(mechanisms).toContain('CKM_RSA_PKCS');
      expect(mechanisms).toContain('CKM_ECDSA');
      expect(mechanisms.includes('CKM_EDDSA')).toBe(keyTypes.includes('Ed25519'));
    });
  });

  describe('the keys', () => {
    it('are found by label, CKA_ID, URI and public key, with what they are', async () => {
      const keys = await token.keys('protection');
      expect(keys.map(({ label }) => label).sort()).toEqual([...keyTypes].sort());
      for (const key of keys) {
        expect(key).toMatchObject({ sensitive: true, extractable: false, canSign: true });
        expect(key.spki, key.label).toBeDefined();
        const id = Array.from(Buffer.from(key.id), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
        const selectors = [
          { by: 'label', label: key.label },
          { by: 'id', id: key.id },
          { by: 'uri', uri: `pkcs11:token=${encodeURIComponent(rig.label)};id=${id};type=private` },
          { by: 'public-key', spki: key.spki! },
          { by: 'public-key', spki: key.spki!, id: Buffer.from('wrong') },
        ] as const;
        for (const selector of selectors) expect((await token.findKey(selector)).label).toBe(key.label);
      }
    });

    it('that are not there are missed in a sentence', async () => {
      await expect(token.findKey({ by: 'label', label: 'none' })).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' });
    });

    it.each(keyTypes)(
      'sign with %s by every scheme the token lists, and openssl verifies it; the others are refused in a sentence',
      async (type) => {
        const mechanisms = await token.mechanisms();
        const key = await token.findKey({ by: 'label', label: type });
        const data = Buffer.from(`signed with ${type}`);
        for (const { algorithm, listed } of schemesOf(type, mechanisms)) {
          const name = JSON.stringify(algorithm);
          if (listed)
            expect(opensslVerifies(directory.path, key.spki!, algorithm, data, await token.sign(key, algorithm, data)), name).toMatch(
              /Verified (?:OK|Successfully)/u,
            );
          else
            await expect(token.sign(key, algorithm, data), name).rejects.toMatchObject({
              code: 'MECHANISM_UNSUPPORTED',
              message: expect.stringMatching(/^Token '.*' lists no .*CKM_.* for signing; /u) as string,
            });
        }
      },
    );
  });

  describe('our own key generation', () => {
    it.each(ordered)('%s: a key that stays on the token, with the CKA_ID NSS computes; or a refusal in a sentence', async (type) => {
      const label = `own ${type.replace(':', ' ')}`;
      const order = { type: parseKeyType(type), label };
      if (!keyTypes.includes(type)) {
        await expect(token.generateKeyPair(order)).rejects.toMatchObject({
          code: 'MECHANISM_UNSUPPORTED',
          message: expect.stringMatching(/^(?:Token '.*' lists no CKM_\w+, so it makes no|Making a key .*) .*[.]$/u) as string,
        });
        return;
      }
      const key = await token.generateKeyPair(order);
      expect(key).toMatchObject({ label, sensitive: true, extractable: false, canSign: true });
      expect(Buffer.from(key.id)).toEqual(nssKeyId(key.spki!));
      expect((await token.findKey({ by: 'public-key', spki: key.spki! })).label).toBe(label);
      const { algorithm } = schemesOf(type, await token.mechanisms()).find(({ listed }) => listed)!;
      const data = Buffer.from(label);
      expect(opensslVerifies(directory.path, key.spki!, algorithm, data, await token.sign(key, algorithm, data))).toMatch(/Verified/u);
      await expect(token.generateKeyPair(order)).rejects.toMatchObject({ code: 'OBJECT_EXISTS' });
    });
  });

  describe('a pool of sessions', () => {
    it('signs many at once, and every signature verifies', async () => {
      const pool = await openSigningPool(() => openToken(rig.token, { pins: guardInMemory() }), { by: 'label', label: 'P-256' }, 4);
      const key = createPublicKey({ key: Buffer.from(pool.key.spki!), format: 'der', type: 'spki' });
      const texts = Array.from({ length: 40 }, (_, n) => Buffer.from(`text ${String(n)}`));
      const signatures = await Promise.all(texts.map((text) => pool.sign({ scheme: 'ecdsa', digest: 'sha256' }, text)));
      await pool.close();
      expect(texts.map((text, n) => verify('sha256', text, key, signatures[n]!))).toEqual(texts.map(() => true));
    });
  });

  describe('certificates', () => {
    it('are stored beside others, read by label without a PIN, and destroyed by value alone', async () => {
      const der = selfSigned();
      const label = 'caSigningCert cert-pki-ca';
      const place = { label, id: Buffer.from([7]) };
      const before = (await token.keys()).length;
      expect(await token.storeCertificate(der, place)).toBe('stored');
      expect(await token.storeCertificate(der, place)).toBe('there already');
      expect(await token.storeCertificate(selfSigned(), place)).toBe('stored');
      await token.close();
      token = await openToken({ ...rig.token, pin: { from: 'environment', variable: 'NOT_SET' } }, { pins: guardInMemory() });
      const found = await token.certificates(label);
      expect(found).toHaveLength(2);
      expect(found.map((each) => Buffer.from(each.der))).toContainEqual(der);
      expect(found.map(({ id }) => Buffer.from(id))).toEqual([place.id, place.id]);
      expect(await token.certificates('caSigningCert')).toEqual([]);
      await token.close();
      token = await openToken(rig.token, { pins: guardInMemory(), access: 'write' });
      expect(await token.destroyCertificates(der)).toBe(1);
      expect(await token.destroyCertificates(der)).toBe(0);
      expect(await token.certificates(label)).toHaveLength(1);
      expect(await token.keys()).toHaveLength(before);
    });
  });
}
