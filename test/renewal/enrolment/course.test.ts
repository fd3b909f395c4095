import { describe, expect, it, test } from 'vitest';
import { decideCourse, type Course, type CourseFacts } from '../../../src/renewal/enrolment/course.js';

const ca = 'caSigningCert cert-pki-ca';
const ocsp = 'ocspSigningCert cert-pki-ca';
const leaf: CourseFacts = { reuseExisting: false, forceSelfSigned: false, issuer: 'dogtag', theCa: false, old: { selfSigned: false } };
const own: CourseFacts = { ...leaf, shared: { nickname: undefined, renewalMaster: true } };
const onMaster: CourseFacts = { ...leaf, shared: { nickname: ocsp, renewalMaster: true } };
const onReplica: CourseFacts = { ...leaf, shared: { nickname: ocsp, renewalMaster: false } };
const selfSigned: CourseFacts = { ...leaf, theCa: true, old: { selfSigned: true }, shared: { nickname: ca, renewalMaster: true } };
const external: CourseFacts = { ...selfSigned, old: { selfSigned: false } };
const replicated = (facts: CourseFacts): CourseFacts => ({ ...facts, shared: { nickname: facts.shared?.nickname, renewalMaster: false } });
const alone = (facts: CourseFacts): CourseFacts =>
  Object.fromEntries(Object.entries(facts).filter(([key]) => key !== 'shared')) as unknown as CourseFacts;
const first = (facts: CourseFacts): CourseFacts =>
  Object.fromEntries(Object.entries(facts).filter(([key]) => key !== 'old')) as unknown as CourseFacts;

describe('where a certificate comes from', () => {
  it.each<[string, CourseFacts, Course | { kind: 'refused'; code: string }]>([
    ["a server's own: the issuer", own, { kind: 'request' }],
    ["a server's own, on a replica too: the issuer", replicated(own), { kind: 'request' }],
    ["a server's own, to be reused: what is there", { ...own, reuseExisting: true }, { kind: 'reuse' }],
    ['a shared one on the renewal master: the issuer, then published', onMaster, { kind: 'request', publishAs: ocsp }],
    ['a first shared one on the renewal master: the same', first(onMaster), { kind: 'request', publishAs: ocsp }],
    [
      'a shared one on the renewal master, to be reused: what is there, published again',
      { ...onMaster, reuseExisting: true },
      { kind: 'reuse', publishAs: ocsp },
    ],
    ['a shared one on a replica: what the master publishes', onReplica, { kind: 'take', nickname: ocsp, otherwise: 'wait' }],
    [
      'a shared one on a replica, to be reused: what the master published, else what is there',
      { ...onReplica, reuseExisting: true },
      { kind: 'take', nickname: ocsp, otherwise: 'reuse' },
    ],
    ['the CA that signs itself, on the master: itself, as a CA', selfSigned, { kind: 'request', publishAs: ca, profile: 'caCACert' }],
    [
      'the CA that signs itself, on a replica: what the master publishes',
      replicated(selfSigned),
      { kind: 'take', nickname: ca, otherwise: 'wait' },
    ],
    [
      'the CA that signs itself, to be reused: what is published, else what is there',
      { ...selfSigned, reuseExisting: true },
      { kind: 'take', nickname: ca, otherwise: 'reuse' },
    ],
    [
      'a CA another CA signed, on the master: published, else the outside CA',
      external,
      { kind: 'take', nickname: ca, otherwise: 'outside', publishAs: ca },
    ],
    [
      'a CA another CA signed, on a replica: published, else the outside CA',
      replicated(external),
      { kind: 'take', nickname: ca, otherwise: 'outside' },
    ],
    [
      'a CA another CA signed, forced: itself',
      { ...external, forceSelfSigned: true },
      { kind: 'request', publishAs: ca, profile: 'caCACert' },
    ],
    [
      'a CA another CA signed, forced on a replica: what the master publishes',
      replicated({ ...external, forceSelfSigned: true }),
      { kind: 'take', nickname: ca, otherwise: 'wait' },
    ],
    [
      'a CA another CA signed, forced and to be reused: reused',
      { ...external, forceSelfSigned: true, reuseExisting: true },
      { kind: 'take', nickname: ca, otherwise: 'reuse' },
    ],
    ['no directory: the issuer alone', alone(onMaster), { kind: 'request' }],
    ['no directory, to be reused: what is there', { ...alone(onMaster), reuseExisting: true }, { kind: 'reuse' }],
    ["no directory, Dogtag's CA that signs itself: itself", alone(selfSigned), { kind: 'request', profile: 'caCACert' }],
    ["no directory, Dogtag's CA that another signed: the outside CA", alone(external), { kind: 'outside' }],
    ['no directory, the CA on our token: its issuer knows', { ...alone(external), issuer: 'token' }, { kind: 'request' }],
    ['an outside CA for everything', { ...alone(leaf), issuer: 'external' }, { kind: 'outside' }],
    ['an outside CA for everything, shared', { ...onMaster, issuer: 'external' }, { kind: 'outside', publishAs: ocsp }],
    [
      'an outside CA, and a CA that signs itself',
      { ...selfSigned, issuer: 'external' },
      { kind: 'take', nickname: ca, otherwise: 'outside', publishAs: ca },
    ],
    ['a server that only takes', { ...onReplica, issuer: 'directory' }, { kind: 'take', nickname: ocsp, otherwise: 'wait' }],
    ['a server that only takes, asked for its own', { ...own, issuer: 'directory' }, { kind: 'refused', code: 'CONFIG_INVALID' }],
    [
      'a server that only takes, and is the renewal master',
      { ...onMaster, issuer: 'directory' },
      { kind: 'refused', code: 'CONFIG_INVALID' },
    ],
    ['a server that only takes, without a directory', { ...alone(leaf), issuer: 'directory' }, { kind: 'refused', code: 'CONFIG_INVALID' }],
    ['none to reuse', first({ ...own, reuseExisting: true }), { kind: 'refused', code: 'OLD_CERTIFICATE_MISSING' }],
    ['a CA without a certificate', first(selfSigned), { kind: 'refused', code: 'OLD_CERTIFICATE_MISSING' }],
  ])('%s', (_what, facts, course) => {
    expect(decideCourse(facts)).toMatchObject(course);
  });
});

const yesOrNo = [false, true];
const every = yesOrNo.flatMap((reuseExisting) =>
  yesOrNo.flatMap((forceSelfSigned) =>
    (['token', 'dogtag', 'directory', 'external'] as const).flatMap((issuer) =>
      [undefined, { selfSigned: true }, { selfSigned: false }].flatMap((old) =>
        [
          undefined,
          { nickname: undefined, renewalMaster: false },
          { nickname: undefined, renewalMaster: true },
          { nickname: ca, renewalMaster: false },
          { nickname: ca, renewalMaster: true },
          { nickname: ocsp, renewalMaster: false },
          { nickname: ocsp, renewalMaster: true },
        ].map((shared): CourseFacts => ({
          reuseExisting,
          forceSelfSigned,
          issuer,
          theCa: shared?.nickname === ca,
          ...(old === undefined ? {} : { old }),
          ...(shared === undefined ? {} : { shared }),
        })),
      ),
    ),
  ),
);

test('an externally signed CA is never asked of the issuer unless --force-self-signed says so', () => {
  for (const facts of every.filter(({ theCa, old, forceSelfSigned }) => theCa && old?.selfSigned === false && !forceSelfSigned))
    expect(decideCourse(facts).kind, JSON.stringify(facts)).not.toBe('request');
});

test('only the renewal master asks for, or publishes, what servers share', () => {
  for (const facts of every.filter(({ shared }) => shared?.nickname !== undefined && !shared.renewalMaster)) {
    const course = decideCourse(facts);
    expect(course.kind, JSON.stringify(facts)).toMatch(/^(?:take|refused)$/u);
    expect(course).not.toHaveProperty('publishAs');
  }
});

test('the certificate that is there is handed out again only where --reuse-existing asks for it', () => {
  for (const facts of every.filter(({ reuseExisting }) => !reuseExisting)) {
    const course = decideCourse(facts);
    expect(course.kind === 'reuse' || (course.kind === 'take' && course.otherwise === 'reuse'), JSON.stringify(facts)).toBe(false);
  }
});

test('what is refused is refused in one sentence', () => {
  for (const course of every.map(decideCourse)) if (course.kind === 'refused') expect(course.reason).toMatch(/^[^\n]+\.$/u);
});
