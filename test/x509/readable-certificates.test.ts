import { expect, it } from 'vitest';
import { readableCertificates, readableObjects } from '../../src/x509/readable-certificates.js';
import { makeCertificate, makeKeys } from './material.js';

it('of objects in a shared place those are left that are certificates, each with all it had', async () => {
  const { der } = await makeCertificate({ keys: await makeKeys() });
  const objects = [
    { label: 'theirs', der: Uint8Array.of(0x30, 0x01, 0xff) },
    { label: 'ours', der },
    { label: 'cut off', der: der.slice(0, -1) },
  ];
  expect(readableObjects(objects)).toEqual([{ label: 'ours', der, certificate: expect.objectContaining({ der }) as unknown }]);
  expect(readableCertificates(objects.map((object) => object.der))).toMatchObject([{ der }]);
});
