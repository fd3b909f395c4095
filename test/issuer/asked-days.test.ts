import { beforeAll, expect, it } from 'vitest';
import type { CertificateConfig } from '../../src/config/instance.js';
import { askedDays } from '../../src/issuer/token/asked-days.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { makeCertificate, makeKeys } from '../x509/material.js';

let old: Certificate;
let renewed: Certificate;
let stranger: Certificate;
beforeAll(async () => {
  const [keys, others] = await Promise.all([makeKeys('p256'), makeKeys('p256')]);
  old = await makeCertificate({ keys });
  renewed = await makeCertificate({ keys, serial: '02' });
  stranger = await makeCertificate({ keys: others });
});

const config = (nickname: string, days: number | undefined, more: Partial<CertificateConfig> = {}): CertificateConfig => ({
  nickname,
  profile: 'caServerCert',
  storage: { kind: 'token' },
  ...(days === undefined ? {} : { days }),
  ...more,
});
const inFile: CertificateConfig['storage'] = { kind: 'file', certificate: '/c', key: '/k' };
const asked = (
  certificates: readonly CertificateConfig[],
  here: Readonly<Record<string, Certificate>>,
  elsewhere: Readonly<Record<string, Certificate>> = {},
) => {
  const objects = (nickname: unknown) =>
    Object.entries(here)
      .filter(([name]) => name === nickname)
      .map(([label, { der }]) => ({ label, id: new Uint8Array(), der }));
  return askedDays(certificates, old, 'caServerCert', { certificates: (nickname) => Promise.resolve(objects(nickname)) }, ({ nickname }) =>
    Promise.resolve(
      Object.entries(elsewhere)
        .filter(([name]) => name === nickname)
        .map(([, certificate]) => certificate),
    ),
  );
};

it('is that of the entry where a certificate of the same key lies, whichever renewal of it', async () => {
  expect(await asked([config('a', 10), config('b', 20)], { a: stranger, b: renewed })).toBe(20);
  expect(await asked([config('a', 10), config('f', 30, { storage: inFile })], { a: stranger }, { f: old })).toBe(30);
  expect(await asked([config('o', 40, { storage: { kind: 'token', on: 'far' } })], { o: stranger }, { o: old })).toBe(40);
});

it('is nothing where no entry says so, or another profile is asked for', async () => {
  expect(await asked([config('a', undefined)], { a: old })).toBeUndefined();
  expect(await asked([config('a', 10, { profile: 'caOCSPCert' })], { a: old })).toBeUndefined();
  expect(await asked([config('a', 10)], { a: stranger })).toBeUndefined();
});
