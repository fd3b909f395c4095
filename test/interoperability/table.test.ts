import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pem } from '../x509/material.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { algorithms } from './algorithms.js';
import { makeAuthority } from './authority.js';
import { documentedVerdicts } from './documented.js';
import { judges, subjects, verdicts } from './judges.js';

let directory: PrivateDirectory;
/** Gives whoever asks the answer that lies there now: it is about both certificates. */
let responder: Server;
let answer = '';

beforeAll(async () => {
  directory = privateDirectory('judges-');
  responder = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/ocsp-response' }).end(readFileSync(answer));
  }).listen(0, '127.0.0.1');
  await once(responder, 'listening');
});

afterAll(() => {
  responder.close();
  directory.remove();
});

const url = () => `http://127.0.0.1:${String((responder.address() as AddressInfo).port)}/`;

it('has the columns of the judges, and a row for all they are shown', () => {
  const { 'signed with': head, ...rows } = documentedVerdicts();
  expect(head).toEqual({ what: judges.map(({ name }) => name) });
  expect(Object.entries(rows).map(([name, row]) => [name, Object.keys(row)])).toEqual(algorithms.map(({ name }) => [name, subjects]));
});

it.each(algorithms)('says what each judge makes of $name', async (algorithm) => {
  const place = makeAuthority(directory.path, algorithm, url());
  answer = `${place}/response.der`;
  expect(await verdicts(place)).toEqual(documentedVerdicts()[algorithm.name]);
});

/** Each by itself, with the last bit of its signature the other way round: a judge who says yes to that does not look. */
it('is by judges who refuse a certificate, a CRL and an answer of which the signature is wrong', async () => {
  const place = makeAuthority(directory.path, { ...algorithms.find(({ name }) => name === 'RSA PKCS#1 v1.5')!, name: 'spoilt' }, url());
  const spoilt = { certificate: ['leaf.pem', 'CERTIFICATE'], CRL: ['crl.pem', 'X509 CRL'], 'OCSP answer': ['response.der'] } as const;
  for (const subject of subjects) {
    const copy = `${place}-${subject.replace(' ', '-')}`;
    cpSync(place, copy, { recursive: true });
    const [name, label] = spoilt[subject];
    const text = readFileSync(`${copy}/${name}`);
    const der = label === undefined ? text : Buffer.from(text.toString().replace(/-----[^-]+-----|\s/gu, ''), 'base64');
    // Of an answer the certificate comes behind the signature.
    const at = subject === 'OCSP answer' ? der.indexOf(Buffer.from('0382018100', 'hex')) + 300 : der.length - 1;
    der[at]! ^= 1;
    writeFileSync(`${copy}/${name}`, label === undefined ? der : pem(der, label));
    if (subject === 'CRL') writeFileSync(`${copy}/crl.der`, der);
    answer = `${copy}/response.der`;
    expect((await verdicts(copy))[subject]).toEqual(['no', 'no', 'no', subject === 'OCSP answer' ? '–' : 'no']);
  }
});
