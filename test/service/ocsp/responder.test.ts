import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLedger } from '../../../src/ledger/ledger.js';
import { openLiveLedger, type LiveLedger } from '../../../src/service/ocsp/live-ledger.js';
import { createResponder, type OcspAnswer } from '../../../src/service/ocsp/responder.js';
import { contentOf, elementsIn } from '../../../src/x509/der.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { now } from '../../x509/material.js';
import { makeSoftCa, question, requestOf, softSigner, strangeCertId, type SoftCa } from './ground.js';

let ca: SoftCa;
let directory: PrivateDirectory;
let ledger: LiveLedger;
let signer: ReturnType<typeof softSigner>;
let said: string[];

beforeAll(async () => {
  ca = await makeSoftCa();
});
beforeEach(() => {
  directory = privateDirectory('responder');
  ledger = openLiveLedger(path.join(directory.path, 'ledger.sqlite'));
  signer = softSigner(ca);
  said = [];
});
afterEach(() => {
  ledger.close();
  directory.remove();
});

const responder = () =>
  createResponder({
    signer,
    ledger,
    clock: () => now,
    validMs: 3_600_000,
    identifiedBy: 'key',
    log: (message) => {
      said.push(message);
    },
  });
const word = (answer: OcspAnswer) => (answer.kind === 'failure' ? answer.failure : answer.kind);
/** CertIDs of a request. */
const certIdsOf = (der: Uint8Array) => elementsIn(elementsIn(elementsIn(der)[0]!)[0]!).map((one) => contentOf(one));

describe('what is kept', () => {
  it('is an answer about one certificate, so that it is never large', async () => {
    const answer = responder();
    for (let times = 0; times < 2; times++) expect(word(await answer(question(ca, 1)))).toBe('answer');
    expect(signer.signatures()).toBe(1);
    for (let times = 0; times < 2; times++) expect(word(await answer(question(ca, 1, 2)))).toBe('answer');
    expect(signer.signatures()).toBe(3);
  });
});

describe('a ledger that cannot be read', () => {
  it('is one to come again for, as nobody could then say how a certificate stands, and is answered from when it can', async () => {
    const answer = responder();
    expect(word(await answer(question(ca, 1)))).toBe('answer');
    // As a commit does at its end, and a writer that was killed in it leaves it.
    const writer = openLedger(path.join(directory.path, 'ledger.sqlite'));
    writer.exec('BEGIN EXCLUSIVE');
    expect(word(await answer(question(ca, 1)))).toBe('tryLater');
    expect(said).toEqual([]);
    writer.exec('ROLLBACK');
    writer.close();
    expect(word(await answer(question(ca, 1)))).toBe('answer');
    writeFileSync(path.join(directory.path, 'ledger.sqlite'), 'no database '.repeat(1000));
    for (let times = 0; times < 2; times++) expect(word(await answer(question(ca, 1)))).toBe('tryLater');
    expect(said).toEqual([expect.stringMatching(/^Cannot use .*ledger\.sqlite: /u)]);
  });
});

describe('a certificate', () => {
  it('that is named by more octets than any digest and serial number have is malformed: it would be echoed and signed', async () => {
    const answer = responder();
    const own = certIdsOf(question(ca, 1));
    const asked = async (certId: Uint8Array) => word(await answer(requestOf([...own, certId])));
    expect(await asked(strangeCertId(64, 20))).toBe('answer');
    expect(await asked(strangeCertId(60_000))).toBe('malformedRequest');
    expect(await asked(strangeCertId(64, 500))).toBe('malformedRequest');
  });
});
