import { expect, test } from 'vitest';
import { judge } from '../../../src/issuer/dogtag/judge.js';
import type { Order } from '../../../src/issuer/dogtag/order.js';
import { parseCsr } from '../../../src/x509/parse-csr.js';
import { caExtensions, day, leafConstraints, makeCertificate, makeCsr, makeKeys, now } from '../../x509/material.js';

test('a root counts for being in issuer.ca-file, or for being the next one of a key that is: not for being delivered', async () => {
  const [keys, caKeys] = await Promise.all([makeKeys(), makeKeys()]);
  const root = (days: number) =>
    makeCertificate({ keys: caKeys, notAfter: new Date(now.getTime() + days * day), extensions: caExtensions() });
  const [known, renewed, stranger] = [
    await root(20),
    await root(900),
    await makeCertificate({ keys, extensions: caExtensions('dd'.repeat(20)) }),
  ];
  const subject = 'O=Test, CN=host.example.test';
  const leaf = await makeCertificate({ keys, subject, by: { keys: caKeys, certificate: known }, extensions: [leafConstraints()] });
  const csr = parseCsr(await makeCsr({ keys, subject }));
  const order = { wish: { csr, profile: 'caServerCert' } } as Pick<Order, 'wish'>;
  const delivered = { certificate: leaf.der, chain: [renewed.der] };
  expect(judge(order, delivered, [stranger], now)).toMatchObject({
    code: 'ISSUED_WRONG',
    message: expect.stringContaining('it does not validate') as string,
  });
  expect(judge(order, delivered, [known], now)).toEqual({ certificate: leaf.der, chain: [], roots: [renewed.der] });
  expect(judge(order, { ...delivered, chain: [] }, [known], now)).toEqual({ certificate: leaf.der, chain: [], roots: [known.der] });
});
