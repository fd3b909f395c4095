import { beforeAll, describe, expect, it } from 'vitest';
import type { Enrolment } from '../../src/issuer/issuer.js';
import { createCloneIssuer, type CloneIssuerParts } from '../../src/issuer/token/clone-issuer.js';
import type { Token } from '../../src/pkcs11/token.js';
import type { Certificate } from '../../src/x509/certificate.js';
import {
  authorityKeyId,
  caExtensions,
  day,
  makeCertificate,
  makeCsr,
  makeKeys,
  now,
  subjectKeyId,
  type CertificateOptions,
  type Keys,
} from '../x509/material.js';
import { verdict } from '../x509/openssl.js';
import { fakeToken } from './fake-token.js';

let caKeys: Keys;
let keys: Keys;
let otherKeys: Keys;
let ca: Certificate;
let old: Certificate;
let renewed: Certificate;
const subject = 'O=Test, CN=Leaf';
const inDays = (days: number) => new Date(now.getTime() + days * day);
const leaf = (options: Partial<CertificateOptions> = {}) =>
  makeCertificate({
    keys,
    subject,
    by: { keys: caKeys, certificate: ca },
    extensions: [authorityKeyId('c0ffee'.repeat(4)), subjectKeyId('0badc0de')],
    ...options,
  });

beforeAll(async () => {
  [caKeys, keys, otherKeys] = await Promise.all([makeKeys(), makeKeys(), makeKeys()]);
  ca = await makeCertificate({ keys: caKeys, notAfter: inDays(4000), extensions: caExtensions('c0ffee'.repeat(4)) });
  [old, renewed] = await Promise.all([leaf({ notAfter: inDays(10), serial: '01' }), leaf({ notAfter: inDays(700), serial: '02' })]);
});

const tokenWith = (...certificates: readonly { label: string; der: Uint8Array }[]) =>
  fakeToken([{ label: 'ca', der: ca.der }, ...certificates], [caKeys, keys]);
const clone = (token: Token, overrides: Partial<CloneIssuerParts> = {}) =>
  createCloneIssuer({
    certificate: 'ca',
    owner: 'ca1.example.test',
    openToken: () => Promise.resolve(token),
    above: () => Promise.resolve([]),
    imported: () => [],
    missed: () => false,
    inPlace: () => undefined,
    clock: () => now,
    ...overrides,
  });
const enrolment = async (held = old): Promise<Enrolment> => ({ csr: await makeCsr({ keys, subject }), oldCertificate: held.der });

describe('a clone', () => {
  it('hands out what the owner put on the token, and signs nothing', async () => {
    const token = tokenWith({ label: 'leaf', der: old.der }, { label: '', der: renewed.der });
    const answer = await clone(token).enrol(await enrolment());
    if (!('certificate' in answer)) throw new Error(answer.message);
    expect(answer.certificate).toEqual(renewed.der);
    expect(verdict(answer.certificate, answer.chain, answer.roots, now)).toMatch(/: OK$/mu);
    expect(token.signatures()).toBe(0);
  });

  it('waits, naming the owner, while only the old one is there, and notes that it is in place', async () => {
    const noted: string[] = [];
    const answer = await clone(tokenWith({ label: 'leaf', der: old.der }), {
      inPlace: (nickname) => {
        noted.push(nickname);
      },
    }).enrol(await enrolment());
    expect(answer).toMatchObject({
      pending: '',
      message: expect.stringMatching(/^'ca1\.example\.test' renews CN=Leaf,O=Test and.*nothing newer lies on the token/u) as string,
    });
    expect(noted).toEqual(['leaf']);
  });

  it('hands out again what certmonger read off the token and nobody saved here', async () => {
    const answer = await clone(tokenWith({ label: 'leaf', der: renewed.der }), { missed: (nickname) => nickname === 'leaf' }).enrol(
      await enrolment(renewed),
    );
    expect(answer).toMatchObject({ certificate: renewed.der });
  });

  it.each([
    ['of another key', () => leaf({ keys: otherKeys, notAfter: inDays(700) })],
    ['by another CA', () => makeCertificate({ keys, subject, by: { keys: otherKeys, certificate: ca }, notAfter: inDays(700) })],
    ['that ends earlier', () => leaf({ notAfter: inDays(5) })],
    ['of another subject', () => leaf({ subject: 'O=Test, CN=Someone else', notAfter: inDays(700) })],
  ])('takes none %s', async (_what, make) => {
    expect(
      await clone(tokenWith({ label: 'leaf', der: old.der }, { label: 'leaf', der: (await make()).der })).enrol(await enrolment()),
    ).toHaveProperty('pending');
  });

  it('is stopped by no object of others that is not a certificate', async () => {
    expect(
      await clone(tokenWith({ label: 'theirs', der: Uint8Array.of(0x30, 0x01, 0xff) }, { label: 'leaf', der: renewed.der })).enrol(
        await enrolment(),
      ),
    ).toMatchObject({ certificate: renewed.der });
  });

  it('takes what an administrator brought from the owner for a certificate of its own', async () => {
    expect(await clone(tokenWith(), { imported: () => [renewed] }).enrol({ csr: await makeCsr({ keys, subject }) })).toMatchObject({
      certificate: renewed.der,
    });
  });

  it('believes no request that its own key did not sign', async () => {
    const csr = await makeCsr({ keys, subject });
    csr[csr.length - 1] = (csr.at(-1) ?? 0) ^ 1;
    await expect(clone(tokenWith()).enrol({ csr })).rejects.toMatchObject({ code: 'CSR_SIGNATURE' });
  });
});
