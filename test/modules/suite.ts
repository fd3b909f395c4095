import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listTokens, openToken } from '../../src/pkcs11/open-token.js';
import type { Token } from '../../src/pkcs11/token.js';
import { integer } from '../../src/x509/der.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { guardInMemory } from '../pkcs11/fake-cryptoki.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { makeKeys, type RawKeyType } from '../rig/modules/raw-keys.js';
import type { MakeRig, ModuleRig } from '../rig/modules/rig.js';
import { storeCertificate, withSession } from '../rig/token-objects.js';
import { schemesOf } from './capabilities.js';
import { opensslVerifies, selfSigned } from './judge.js';

/** What a module is known to be; everything else the suite finds out from the token's own mechanism list. */
export interface Expected {
  readonly make: MakeRig;
  /** Key types that can be made, of all the suite tries: written down, so that a rig that lost one fails. */
  readonly keyTypes: readonly RawKeyType[];
}

/** The same on every module, by configuration alone. What the module's list lacks must be refused in our own words. */
export function suite({ make, keyTypes }: Expected): void {
  let directory: PrivateDirectory;
  let rig: ModuleRig;
  let token: Token;

  beforeAll(async () => {
    directory = privateDirectory();
    rig = await make({ directory: directory.path });
    await makeKeys(rig, keyTypes);
    token = await openToken(rig.token, { pins: guardInMemory(), access: 'write' });
  });

  afterAll(async () => {
    await token?.close();
    await rig?.stop();
    directory?.remove();
  });

  describe('the token', () => {
    it('is listed and found by label, slot, index and URI', async () => {
      const all = listTokens(rig.token);
      const index = all.findIndex(({ label }) => label === rig.label);
      expect(all[index]).toMatchObject({ label: rig.label, initialized: true, loginRequired: true, writeProtected: false, pin: 'fine' });
      const { slotId, serial, model } = all[index]!;
      for (const selector of [{ by: 'slot', slotId }, { by: 'slot-index', index }, { by: 'uri', uri: `pkcs11:token=${encodeURIComponent(rig.label)};serial=${serial};model=${encodeURIComponent(model)}` }] as const) {
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

    it.each(keyTypes)('sign with %s by every scheme the token lists, and openssl verifies it; the others are refused in a sentence', async (type) => {
      const mechanisms = await token.mechanisms();
      const key = await token.findKey({ by: 'label', label: type });
      const data = Buffer.from(`signed with ${type}`);
      for (const { algorithm, listed } of schemesOf(type, mechanisms)) {
        const name = JSON.stringify(algorithm);
        if (listed) expect(opensslVerifies(directory.path, key.spki!, algorithm, data, await token.sign(key, algorithm, data)), name).toMatch(/Verified (?:OK|Successfully)/u);
        else await expect(token.sign(key, algorithm, data), name).rejects.toMatchObject({ code: 'MECHANISM_UNSUPPORTED', message: expect.stringMatching(/^Token '.*' lists no .*CKM_.* for signing; /u) as string });
      }
    });
  });

  describe('certificates', () => {
    it('are stored, read by label and without a PIN, and destroyed by value alone', async () => {
      const der = selfSigned();
      const { parameters, module, environment } = rig.token;
      await token.close();
      await withSession({ label: rig.label, module, pin: rig.pin, environment, ...(parameters === undefined ? {} : { parameters }) }, (session) => {
        storeCertificate(session, { der, ...namesOf(der), id: Buffer.from([7]), label: 'caSigningCert cert-pki-ca' });
      });
      token = await openToken(rig.token, { pins: guardInMemory(), access: 'write' });
      const [found, ...more] = await token.certificates('caSigningCert cert-pki-ca');
      expect(more).toEqual([]);
      expect(Buffer.from(found!.der)).toEqual(der);
      expect(await token.certificates('caSigningCert')).toEqual([]);
      expect(await token.destroyCertificates(der)).toBe(1);
      expect(await token.destroyCertificates(der)).toBe(0);
      expect((await token.keys()).length).toBe(keyTypes.length);
    });
  });
}

function namesOf(der: Uint8Array): { readonly subject: Uint8Array; readonly issuer: Uint8Array; readonly serial: Uint8Array } {
  const { subject, issuer, serial } = parseCertificate(der);
  return { subject, issuer, serial: integer(serial) };
}
