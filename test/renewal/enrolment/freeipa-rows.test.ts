import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HsmongerError } from '../../../src/errors.js';
import { openRenewalLock } from '../../../src/freeipa/renewal-lock.js';
import { writeCookie } from '../../../src/protocol/cookie.js';
import { readFlags } from '../../../src/protocol/flags.js';
import { readOperation } from '../../../src/protocol/operation.js';
import { openCsrFile } from '../../../src/renewal/enrolment/csr-file.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { pem } from '../../x509/material.js';
import { makeMaterial, play, type Material, type Seen, type Situation } from './world.js';

/**
 * What FreeIPA's helper answers (install/certmonger/dogtag-ipa-ca-renew-agent-submit.in: call_handler, request_cert, store_cert,
 * request_and_store_cert, retrieve_*, renew_ca_cert), row by row, and what ours does. A row without an id is the same: exit code, and
 * first line to begin with. One with an id stands in docs/freeipa-differences.md under it.
 */
interface Row {
  readonly what: string;
  readonly theirs: readonly [exitCode: number, firstLine: string];
  readonly difference?: string;
  readonly ours?: readonly [exitCode: number, firstLine: RegExp];
  readonly situation: (material: Material) => Situation;
  readonly then?: (seen: Seen, material: Material) => void;
}

/** Prints the certificate. */
const theNew = 'the new certificate';
const theOld = 'the old certificate';
const approve = 'state=approve&requestId=7';
const reuse = { reuseExisting: true };
const poll = (cookie: string | undefined) => ({ CERTMONGER_OPERATION: 'POLL', CERTMONGER_CA_COOKIE: cookie });
const broken = (what: string, cookie: string): Row => ({
  what: `a cookie ${what}`,
  theirs: [4, 'Invalid cookie'],
  difference: 'cookie-unknown',
  ours: [0, /^/u],
  situation: () => ({ variables: poll(cookie) }),
  then: ({ handedOut }) => {
    expect(handedOut).toBe('new');
  },
});
const later = /^(?:3[2-9]|4[0-8])$/u;

let scratch: PrivateDirectory;
let material: Material;
beforeAll(async () => {
  scratch = privateDirectory('freeipa-rows');
  material = await makeMaterial();
});
afterAll(() => {
  scratch.remove();
});

const cookies: readonly Row[] = [
  {
    what: 'POLL without a cookie',
    theirs: [4, 'Cookie not provided'],
    difference: 'cookie-missing',
    ours: [0, /^/u],
    situation: () => ({ variables: poll(undefined) }),
  },
  {
    what: 'POLL with an empty cookie: as if there were none',
    theirs: [4, 'Invalid cookie'],
    difference: 'cookie-missing',
    ours: [0, /^/u],
    situation: () => ({ variables: poll('') }),
  },
  broken('that is not JSON', 'x'),
  broken('that is no object', '[1]'),
  broken('without a profile', '{"cookie": "request:x"}'),
  broken('with a profile that is no text', '{"cookie": "request:x", "profile": 7}'),
  broken('with an inner one that is no text', '{"cookie": 7, "profile": "caOCSPCert"}'),
  broken('in a state nobody knows', '{"cookie": "ponder:x", "profile": "caOCSPCert"}'),
  {
    ...broken('of the CA in a state nobody knows', '{"cookie": "store:x:y", "profile": "caCACert"}'),
    situation: () => ({ who: 'ca', variables: poll('{"cookie": "store:x:y", "profile": "caCACert"}') }),
  },
  {
    what: 'a cookie of another profile: begun anew',
    theirs: [0, theNew],
    situation: () => ({ variables: poll(writeCookie('shared', 'caServerCert', { state: 'request', pending: approve })) }),
    then: ({ asked }) => {
      expect(asked).toEqual([expect.not.objectContaining({ pending: expect.anything() as string })]);
    },
  },
  {
    what: 'a cookie that names a request: gone on with',
    theirs: [0, theNew],
    situation: () => ({ variables: poll(writeCookie('shared', 'caOCSPCert', { state: 'request', pending: approve })) }),
    then: ({ asked }) => {
      expect(asked).toEqual([expect.objectContaining({ pending: approve })]);
    },
  },
  {
    what: 'a request that needs another call: its word in an envelope',
    theirs: [5, '0'],
    difference: 'delays',
    ours: [5, /^7$/u],
    situation: () => ({ answer: { pending: approve, afterSeconds: 7, message: 'It waits.' } }),
    then: ({ cookie }) => {
      expect(cookie).toBe(writeCookie('shared', 'caOCSPCert', { state: 'request', pending: approve }));
    },
  },
];

const requests: readonly Row[] = [
  {
    what: "a server's own: issued, and published nowhere",
    theirs: [0, theNew],
    situation: () => ({ who: 'server' }),
    then: ({ published }) => {
      expect(published).toEqual([]);
    },
  },
  { what: "a server's own on a replica: issued", theirs: [0, theNew], situation: () => ({ who: 'server', master: false }) },
  {
    what: "a lightweight CA's: Dogtag is told which",
    theirs: [0, theNew],
    situation: () => ({ who: 'subCa' }),
    then: ({ asked, csrFile }) => {
      expect([asked, csrFile]).toEqual([[expect.objectContaining({ authority: 'the id' })], undefined]);
    },
  },
  {
    what: 'to be reused',
    theirs: [0, theOld],
    situation: () => ({ who: 'server', flags: reuse }),
    then: ({ asked }) => {
      expect(asked).toEqual([]);
    },
  },
  {
    what: 'to be reused, and there is none',
    theirs: [2, 'New certificate requests not supported'],
    situation: () => ({ who: 'server', flags: reuse, variables: { CERTMONGER_CERTIFICATE: undefined } }),
  },
  {
    what: 'the CA has it and an agent is to look (1)',
    theirs: [1, approve],
    difference: 'wait',
    ours: [5, /^300$/u],
    situation: () => ({
      who: 'server',
      answer: { pending: 'state=check&requestId=7', afterSeconds: 300, message: 'It waits for an agent.' },
    }),
    then: ({ cookie, message }) => {
      expect([cookie, message]).toEqual([
        writeCookie('own', 'caOCSPCert', { state: 'request', pending: 'state=check&requestId=7' }),
        'It waits for an agent.',
      ]);
    },
  },
  {
    what: 'the CA refuses (2)',
    theirs: [2, 'Profile not enabled'],
    situation: () => ({ who: 'server', answer: new HsmongerError('CA_REFUSED', 'Profile not enabled, says the CA.') }),
  },
  {
    what: 'the CA is away (3)',
    theirs: [3, 'Error 7 connecting'],
    difference: 'unreachable',
    ours: [5, /^15$/u],
    situation: () => ({ who: 'server', answer: new HsmongerError('CA_UNREACHABLE', 'No connection.') }),
  },
  {
    what: 'the CA is away in the middle: its word for the request is kept',
    theirs: [3, 'Error 7 connecting'],
    difference: 'unreachable',
    ours: [5, /^15$/u],
    situation: () => ({
      answer: new HsmongerError('CA_UNREACHABLE', 'No connection.'),
      variables: poll(writeCookie('shared', 'caOCSPCert', { state: 'request', pending: approve })),
    }),
    then: ({ cookie }) => {
      expect(cookie).toBe(writeCookie('shared', 'caOCSPCert', { state: 'request', pending: approve }));
    },
  },
  {
    what: 'the helper is not set up (4)',
    theirs: [4, 'No end-entity URL'],
    ours: [4, /^/u],
    situation: () => ({ who: 'server', answer: new HsmongerError('CONFIG_INVALID', 'No end-entity URL in the file.') }),
  },
  {
    what: 'the CA answers at once after a delay (5)',
    theirs: [5, '20'],
    situation: () => ({ who: 'server', answer: { pending: approve, afterSeconds: 20, message: 'It waits.' } }),
  },
  {
    what: 'a certificate of another key',
    theirs: [0, 'it'],
    difference: 'rule-3',
    ours: [2, /its key is not/u],
    situation: ({ foreign }) => ({ answer: foreign.ocsp }),
    then: ({ published }) => {
      expect(published).toEqual([]);
    },
  },
  {
    what: 'a certificate that ends no later',
    theirs: [0, 'it'],
    difference: 'rule-3',
    ours: [2, /no later than the one it renews/u],
    situation: ({ old }) => ({ answer: old.ocsp }),
  },
  {
    what: 'a CA certificate that Dogtag capped',
    theirs: [0, 'it'],
    difference: 'rule-3',
    ours: [2, /no later than the one it renews/u],
    situation: ({ self }) => ({ who: 'ca', answer: self.old }),
  },
  {
    what: 'no request',
    theirs: [3, 'Internal error'],
    difference: 'no-csr',
    ours: [2, /CERTMONGER_CSR/u],
    situation: () => ({ variables: { CERTMONGER_CSR: undefined } }),
  },
  {
    what: 'a failure nobody foresaw',
    theirs: [3, 'Internal error'],
    difference: 'internal',
    ours: [5, /^60$/u],
    situation: () => ({ answer: new TypeError('x is not a function') }),
    then: ({ code }) => {
      expect(code).toBe('INTERNAL');
    },
  },
];

const stores: readonly Row[] = [
  {
    what: 'issued, and published',
    theirs: [0, theNew],
    situation: () => ({}),
    then: ({ published }, all) => {
      expect(published).toEqual([all.new.ocsp]);
    },
  },
  {
    what: 'a first one: issued, and published',
    theirs: [0, theNew],
    situation: () => ({ variables: { CERTMONGER_CERTIFICATE: undefined } }),
  },
  {
    what: 'issued over an earlier one',
    theirs: [0, theNew],
    situation: ({ old }) => ({ published: [old.ocsp] }),
    then: ({ published }, all) => {
      expect(published).toEqual([all.new.ocsp]);
    },
  },
  {
    what: 'issued, and the directory does not take it',
    theirs: [5, '30'],
    difference: 'delays',
    ours: [5, /^60$/u],
    situation: () => ({ unpublishable: 'DIRECTORY_UNAVAILABLE' }),
    then: ({ cookie, message }, all) => {
      expect([cookie, message]).toEqual([
        writeCookie('shared', 'caOCSPCert', { state: 'store', certificate: pem(all.new.ocsp.der) }),
        "'ocspSigningCert cert-pki-ca' cannot be written.",
      ]);
    },
  },
  {
    what: 'issued, and the directory does not take it for the tenth time',
    theirs: [0, theNew],
    difference: 'store-gives-up',
    ours: [5, /^300$/u],
    situation: (all) => ({
      unpublishable: 'DIRECTORY_REFUSED',
      answer: new Error('it is not asked again'),
      variables: poll(
        writeCookie('shared', 'caOCSPCert', { state: 'store', certificate: pem(all.new.ocsp.der) }).replace(
          String.raw`\"1\"`,
          String.raw`\"9\"`,
        ),
      ),
    }),
    then: ({ cookie }, all) => {
      expect(cookie).toBe(writeCookie('shared', 'caOCSPCert', { state: 'store', certificate: pem(all.new.ocsp.der) }));
    },
  },
  {
    what: 'issued before, and now the directory takes it',
    theirs: [0, theNew],
    situation: (all) => ({
      answer: new Error('it is not asked again'),
      variables: poll(writeCookie('shared', 'caOCSPCert', { state: 'store', certificate: pem(all.new.ocsp.der) })),
    }),
    then: ({ asked, published }, all) => {
      expect([asked, published]).toEqual([[], [all.new.ocsp]]);
    },
  },
  {
    what: 'issued before, and the directory is away from the start: the cookie stays',
    theirs: [3, 'Internal error'],
    difference: 'internal',
    ours: [5, /^60$/u],
    situation: (all) => ({
      directoryAway: true,
      variables: poll(writeCookie('shared', 'caOCSPCert', { state: 'store', certificate: pem(all.new.ocsp.der) })),
    }),
    then: ({ cookie }, all) => {
      expect(cookie).toBe(writeCookie('shared', 'caOCSPCert', { state: 'store', certificate: pem(all.new.ocsp.der) }));
    },
  },
  {
    what: 'a cookie with a certificate that is none: begun anew',
    theirs: [4, 'Invalid cookie'],
    difference: 'cookie-unknown',
    ours: [0, /^/u],
    situation: () => ({ variables: poll(writeCookie('shared', 'caOCSPCert', { state: 'store', certificate: 'x' })) }),
    then: ({ asked }) => {
      expect(asked).toHaveLength(1);
    },
  },
  {
    what: "a cookie with somebody else's certificate: begun anew",
    theirs: [0, 'it'],
    difference: 'rule-3',
    ours: [0, /^/u],
    situation: (all) => ({
      variables: poll(writeCookie('shared', 'caOCSPCert', { state: 'store', certificate: pem(all.foreign.ocsp.der) })),
    }),
    then: ({ asked, handedOut }) => {
      expect([asked.length, handedOut]).toEqual([1, 'new']);
    },
  },
  {
    what: "a cookie with somebody else's certificate, and the CA refuses: refused",
    theirs: [0, 'it'],
    difference: 'rule-3',
    ours: [2, /^No\.$/u],
    situation: (all) => ({
      answer: new HsmongerError('CA_REFUSED', 'No.'),
      variables: poll(writeCookie('shared', 'caOCSPCert', { state: 'store', certificate: pem(all.foreign.ocsp.der) })),
    }),
  },
  {
    what: 'issued, and what is published would be taken by nobody: kept, not refused',
    theirs: [0, theNew],
    difference: 'store-gives-up',
    ours: [5, /^60$/u],
    situation: () => ({ unpublishable: 'ISSUED_WRONG' }),
  },
  {
    what: 'issued, and a later one is published already',
    theirs: [0, theNew],
    difference: 'older-over-newer',
    ours: [0, /^/u],
    situation: (all) => ({ published: [all.later.ocsp] }),
    then: ({ published, handedOut }, all) => {
      expect([published, handedOut]).toEqual([[all.later.ocsp], 'other']);
    },
  },
  {
    what: 'issued, and a later one is published that nobody takes: kept',
    theirs: [0, theNew],
    difference: 'older-over-newer',
    ours: [5, /^40$/u],
    situation: (all) => ({ who: 'ca', published: [all.noCa] }),
    then: ({ code, cookie, message }, all) => {
      expect([code, cookie, message]).toEqual([
        'NOT_PUBLISHED',
        writeCookie('ca', 'caCACert', { state: 'store', certificate: pem(all.self.new.der) }),
        expect.stringContaining('it is no CA certificate'),
      ]);
    },
  },
  {
    what: 'to be reused on the master: published',
    theirs: [0, theOld],
    situation: () => ({ flags: reuse }),
    then: ({ published }, all) => {
      expect(published).toEqual([all.old.ocsp]);
    },
  },
  {
    what: 'to be reused on the master, and a later one is published',
    theirs: [0, theOld],
    difference: 'reuse-publish',
    ours: [0, /^/u],
    situation: (all) => ({ flags: reuse, published: [all.later.ocsp] }),
    then: ({ published }, all) => {
      expect(published).toEqual([all.later.ocsp]);
    },
  },
  {
    what: 'to be reused on the master, and nobody would take it: handed out, and said',
    theirs: [0, theOld],
    situation: () => ({ flags: reuse, unpublishable: 'ISSUED_WRONG' }),
    then: ({ code, message }) => {
      expect([code, message]).toEqual(['ISSUED_WRONG', "'ocspSigningCert cert-pki-ca' cannot be written."]);
    },
  },
  {
    what: 'to be reused on the master, and the directory is away: kept',
    theirs: [5, '30'],
    difference: 'delays',
    ours: [5, /^60$/u],
    situation: () => ({ flags: reuse, unpublishable: 'DIRECTORY_UNAVAILABLE' }),
  },
  {
    what: 'to be reused on the master, and there is none',
    theirs: [2, 'New certificate requests not supported'],
    situation: () => ({ flags: reuse, variables: { CERTMONGER_CERTIFICATE: undefined } }),
  },
];

const replica = (rest: Situation): Situation => ({ master: false, answer: new Error('a replica asks no CA'), ...rest });
const retrieves: readonly Row[] = [
  { what: 'a new one is published', theirs: [0, theNew], situation: (all) => replica({ published: [all.new.ocsp] }) },
  {
    what: 'several are published: not the first, the latest',
    theirs: [0, 'the first'],
    difference: 'rule-3',
    ours: [0, /^/u],
    situation: (all) => replica({ published: [all.old.ocsp, all.foreign.ocsp, all.new.ocsp] }),
    then: ({ handedOut }) => {
      expect(handedOut).toBe('new');
    },
  },
  {
    what: 'one of another key is published',
    theirs: [0, 'it'],
    difference: 'rule-3',
    ours: [5, later],
    situation: (all) => replica({ published: [all.foreign.ocsp] }),
  },
  {
    what: 'nothing new, no HSM',
    theirs: [5, '28800'],
    difference: 'delays',
    ours: [5, later],
    situation: (all) => replica({ published: [all.old.ocsp] }),
    then: ({ cookie, code }) => {
      expect([cookie, code]).toEqual([writeCookie('shared', 'caOCSPCert', { state: 'retrieve' }), 'NOT_PUBLISHED']);
    },
  },
  {
    what: 'nothing new, with an HSM',
    theirs: [0, theOld],
    difference: 'hsm-replica',
    ours: [5, later],
    situation: (all) => replica({ published: [all.old.ocsp] }),
    then: ({ handedOut }) => {
      expect(handedOut).toBeUndefined();
    },
  },
  {
    what: "nothing new of the agent's, with an HSM",
    theirs: [5, '28800'],
    difference: 'delays',
    ours: [5, later],
    situation: (all) => replica({ who: 'ra', published: [all.old.ra] }),
  },
  { what: 'no entry', theirs: [0, theOld], difference: 'old-as-new', ours: [5, later], situation: () => replica({}) },
  {
    what: 'an entry that holds nothing',
    theirs: [3, 'Internal error'],
    difference: 'empty-entry',
    ours: [5, later],
    situation: () => replica({ published: [] }),
  },
  {
    what: 'nothing new, and nobody renews',
    theirs: [5, '28800'],
    difference: 'no-master',
    ours: [5, /^300$/u],
    situation: (all) => replica({ published: [all.old.ocsp], anyMaster: false }),
    then: ({ code }) => {
      expect(code).toBe('MASTER_UNKNOWN');
    },
  },
  {
    what: 'the directory is away',
    theirs: [3, 'Internal error'],
    difference: 'internal',
    ours: [5, /^60$/u],
    situation: () => replica({ directoryAway: true }),
  },
  { what: 'to be reused, and nothing new', theirs: [0, theOld], situation: (all) => replica({ flags: reuse, published: [all.old.ocsp] }) },
  { what: 'to be reused, and no entry', theirs: [0, theOld], situation: () => replica({ flags: reuse }) },
  { what: 'to be reused, and a new one', theirs: [0, theNew], situation: (all) => replica({ flags: reuse, published: [all.new.ocsp] }) },
];

const written = ({ csrFile }: Seen, all: Material) => {
  expect(csrFile).toBe(pem(all.csr.ca, 'CERTIFICATE REQUEST'));
};
const toDirectory = (): NonNullable<Situation['parts']> => ({ csrFile: () => openCsrFile(scratch.path) });
const ca: readonly Row[] = [
  {
    what: 'no certificate',
    theirs: [2, 'New certificate requests not supported'],
    situation: () => ({ who: 'ca', variables: { CERTMONGER_CERTIFICATE: undefined } }),
  },
  {
    what: 'no request',
    theirs: [4, 'Certificate request not provided'],
    difference: 'no-csr',
    ours: [2, /CERTMONGER_CSR/u],
    situation: () => ({ who: 'ca', variables: { CERTMONGER_CSR: '' } }),
  },
  {
    what: 'self-signed on the master: issued as a CA, published, and the request in its file',
    theirs: [0, theNew],
    situation: () => ({ who: 'ca', variables: { CERTMONGER_CA_PROFILE: undefined } }),
    then: (seen, all) => {
      written(seen, all);
      expect(seen.asked).toEqual([expect.objectContaining({ profile: 'caCACert' })]);
      expect(seen.published).toEqual([all.self.new]);
    },
  },
  {
    what: 'self-signed on the master, the CA has the request: three layers of envelopes',
    theirs: [5, '0'],
    difference: 'delays',
    ours: [5, /^1$/u],
    situation: () => ({
      who: 'ca',
      answer: { pending: approve, afterSeconds: 0, message: 'It waits.' },
      variables: { CERTMONGER_CA_PROFILE: undefined },
    }),
    then: ({ cookie }) => {
      expect(cookie).toBe(writeCookie('ca', undefined, { state: 'request', pending: approve }));
    },
  },
  {
    what: 'self-signed on the master, to be reused',
    theirs: [0, theOld],
    situation: () => ({ who: 'ca', flags: reuse }),
    then: ({ asked }) => {
      expect(asked).toEqual([]);
    },
  },
  {
    what: 'self-signed on the master, to be reused, and one is published',
    theirs: [0, theNew],
    situation: (all) => ({ who: 'ca', flags: reuse, published: [all.self.new] }),
  },
  {
    what: 'self-signed on a replica, a new one is published',
    theirs: [0, theNew],
    situation: (all) => replica({ who: 'ca', published: [all.self.new] }),
    then: written,
  },
  {
    what: 'self-signed on a replica, a new one is published beside a later one that is no CA',
    theirs: [0, 'the first'],
    difference: 'rule-3',
    ours: [0, /^/u],
    situation: (all) => replica({ who: 'ca', published: [all.noCa, all.self.new] }),
    then: ({ handedOut }) => {
      expect(handedOut).toBe('new');
    },
  },
  {
    what: 'self-signed on a replica, nothing new',
    theirs: [2, 'Updated certificate not available'],
    difference: 'ca-replica',
    ours: [5, later],
    situation: (all) => replica({ who: 'ca', published: [all.self.old] }),
    then: ({ cookie }) => {
      expect(cookie).toBe(writeCookie('ca', 'caCACert', { state: 'retrieve' }));
    },
  },
  {
    what: 'self-signed on a replica, no entry',
    theirs: [0, theOld],
    difference: 'old-as-new',
    ours: [5, later],
    situation: () => replica({ who: 'ca' }),
  },
  {
    what: 'externally signed, nothing new: said loudly',
    theirs: [2, 'Updated certificate not available'],
    situation: (all) => ({ who: 'ca', external: true, published: [all.external.old], answer: new Error('it never signs itself') }),
    then: (seen, all) => {
      written(seen, all);
      expect(seen.alarms).toEqual([
        expect.stringMatching(
          /^Certificate with subject 'CN=Certificate Authority,O=EXAMPLE.TEST' is about to expire, .*\/var\/lib\/ipa\/ca\.csr\.$/u,
        ),
      ]);
      expect(seen.firstLine).toContain('/var/lib/ipa/ca.csr');
    },
  },
  {
    what: 'externally signed, no entry',
    theirs: [0, theOld],
    difference: 'old-as-new',
    ours: [2, /^Updated certificate not available/u],
    situation: () => ({ who: 'ca', external: true, answer: new Error('it never signs itself') }),
  },
  {
    what: 'externally signed, a new one is published',
    theirs: [0, theNew],
    situation: (all) => ({ who: 'ca', external: true, published: [all.external.new], answer: new Error('it never signs itself') }),
    then: ({ alarms }) => {
      expect(alarms).toEqual([]);
    },
  },
  {
    what: 'externally signed on a replica, nothing new',
    theirs: [2, 'Updated certificate not available'],
    situation: (all) => replica({ who: 'ca', external: true, published: [all.external.old] }),
  },
  {
    what: 'externally signed, to be reused, after the answer was published',
    theirs: [0, theNew],
    situation: (all) => ({ who: 'ca', external: true, flags: reuse, published: [all.external.new] }),
  },
  {
    what: 'externally signed, to be reused, nothing new',
    theirs: [0, theOld],
    situation: (all) => ({ who: 'ca', external: true, flags: reuse, published: [all.external.old] }),
    then: ({ alarms, code }) => {
      expect([alarms, code]).toEqual([[], 'ISSUED']);
    },
  },
  {
    what: 'externally signed, to be reused, after something was published that is no CA',
    theirs: [0, 'it'],
    difference: 'reuse-refused',
    ours: [0, /^/u],
    situation: (all) => ({ who: 'ca', external: true, flags: reuse, published: [all.noCa, all.external.old] }),
    then: ({ handedOut, code, message }) => {
      expect([handedOut, code, message]).toEqual(['old', 'ISSUED_WRONG', expect.stringContaining('it is no CA certificate')]);
    },
  },
  {
    what: 'externally signed, forced: issued',
    theirs: [0, 'a self-signed one'],
    ours: [0, /^/u],
    situation: (all) => ({ who: 'ca', external: true, flags: { forceSelfSigned: true }, answer: all.self.new }),
    then: ({ published, handedOut }, all) => {
      expect([published, handedOut]).toEqual([[all.self.new], 'other']);
    },
  },
  {
    what: 'externally signed, forced on a replica',
    theirs: [2, 'Updated certificate not available'],
    difference: 'ca-replica',
    ours: [5, later],
    situation: (all) => replica({ who: 'ca', external: true, flags: { forceSelfSigned: true }, published: [all.external.old] }),
  },
  {
    what: 'externally signed, and the file cannot be written',
    theirs: [3, 'Failed to write'],
    difference: 'csr-file',
    ours: [5, /^60$/u],
    situation: () => ({ who: 'ca', external: true, parts: toDirectory() }),
    then: ({ message }) => {
      expect(message).toMatch(/^Failed to write /u);
    },
  },
  {
    what: 'self-signed, and the file cannot be written',
    theirs: [3, 'Failed to write'],
    difference: 'csr-file',
    ours: [0, /^/u],
    situation: () => ({ who: 'ca', parts: toDirectory() }),
  },
];

const lockFile = (content: string) => {
  const file = path.join(scratch.path, 'renewal.lock');
  writeFileSync(file, content, { mode: 0o600 });
  return file;
};
const locks: readonly Row[] = [
  {
    what: 'the lock is held',
    theirs: [-1, 'waits for ever'],
    difference: 'lock-wait',
    ours: [5, /^30$/u],
    situation: () => ({
      parts: { lock: () => openRenewalLock(lockFile('[lock]\nlocked = 1\nowner = renew_ca_cert\nexpire = 29991231235959000000\n')) },
    }),
    then: ({ asked, message }) => {
      expect([asked, message]).toEqual([[], expect.stringContaining("'renew_ca_cert'")]);
    },
  },
  {
    what: 'the lock file is broken',
    theirs: [3, 'Internal error'],
    difference: 'lock-corrupt',
    ours: [0, /^/u],
    situation: () => ({ parts: { lock: () => openRenewalLock(lockFile('nonsense')) } }),
    then: () => {
      expect(readFileSync(path.join(scratch.path, 'renewal.lock'), 'utf8')).toContain('locked = 0');
    },
  },
  {
    what: 'the lock is free',
    theirs: [0, theNew],
    situation: () => ({ parts: { lock: () => openRenewalLock(lockFile('')) } }),
    then: () => {
      expect(readFileSync(path.join(scratch.path, 'renewal.lock'), 'utf8')).toContain('locked = 0');
    },
  },
];

const sections = {
  'call_handler: cookies': cookies,
  request_cert: requests,
  'store_cert and request_and_store_cert': stores,
  'retrieve_*': retrieves,
  renew_ca_cert: ca,
  'the lock': locks,
};

describe.each(Object.entries(sections))('%s', (_section, rows) => {
  it.each(rows)('$what', async ({ theirs, difference, ours, situation, then }) => {
    const seen = await play(material, situation(material));
    const [exitCode, firstLine] = ours ?? [theirs[0], undefined];
    expect(seen.exitCode, seen.firstLine).toBe(exitCode);
    if (difference === undefined) expect(exitCode).toBe(theirs[0]);
    if (firstLine !== undefined) expect(seen.firstLine).toMatch(firstLine);
    else if (exitCode === 0) expect(`the ${seen.handedOut ?? 'no'} certificate`).toBe(theirs[1]);
    else expect(seen.firstLine.startsWith(theirs[1]), seen.firstLine).toBe(true);
    then?.(seen, material);
  });
});

describe('what is asked for otherwise', () => {
  it('operations: those the original does not support are supported, and what neither does is 6', () => {
    for (const name of [
      'IDENTIFY',
      'FETCH-ROOTS',
      'GET-SUPPORTED-TEMPLATES',
      'GET-DEFAULT-TEMPLATE',
      'GET-NEW-REQUEST-REQUIREMENTS',
      'GET-RENEW-REQUEST-REQUIREMENTS',
    ])
      expect(readOperation({ CERTMONGER_OPERATION: name }).kind, name).not.toBe('unsupported');
    for (const name of ['FETCH-SCEP-CA-CAPS', 'FETCH-SCEP-CA-CERTS'])
      expect(readOperation({ CERTMONGER_OPERATION: name }).kind, name).toBe('unsupported');
  });
  it('arguments: a word nobody knows is named', () => {
    expect(readFlags(['--reuse-existing', '--dogtag-version', '10']).unknown).toBe('--dogtag-version');
  });
  it('json: the certificate comes with what stands above it', async () => {
    const { firstLine } = await play(material, {});
    expect(JSON.parse(firstLine)).toMatchObject({
      certificate: pem(material.new.ocsp.der),
      roots: [{ nickname: 'Certificate Authority' }],
    });
  });
});

it('every difference that is documented is tested, and every one that is tested is documented', () => {
  const documented = [
    ...readFileSync(path.resolve(import.meta.dirname, '../../../docs/freeipa-differences.md'), 'utf8').matchAll(/^\| ([a-z0-9-]+) \|/gmu),
  ]
    .map(([, id]) => id)
    .filter((id) => id !== 'id' && !/^-+$/u.test(id ?? ''));
  const tested = new Set([
    'operations',
    'arguments',
    'json',
    ...Object.values(sections)
      .flat()
      .flatMap(({ difference }) => difference ?? []),
  ]);
  expect([...tested].sort()).toEqual(documented.sort());
});
