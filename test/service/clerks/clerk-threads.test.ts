import { afterAll, beforeAll, expect, it } from 'vitest';
import { caConfig } from '../../../src/config/ca-config.js';
import { tokenOf } from '../../../src/config/token-of.js';
import { clerkHere, deskFor, type Desk } from '../../../src/issuer/token/issuance/clerk.js';
import { issuingCa } from '../../../src/issuer/token/issuance/prepared.js';
import { profiles } from '../../../src/issuer/profiles.js';
import { findAuthority } from '../../../src/issuer/token/authority.js';
import { openToken } from '../../../src/pkcs11/open-token.js';
import { openClerkThreads } from '../../../src/service/clerks/clerk-threads.js';
import { caName, createIssuingSite, type IssuingSite } from '../../issuer/issuance/rig.js';
import { tokenIssuerOf } from '../../issuer/token-issuer-of.js';
import { guardInMemory } from '../../pkcs11/fake-cryptoki.js';
import { makeRequests } from '../../x509/many-requests.js';

let site: IssuingSite;
let desk: Desk;
const now = new Date();

beforeAll(async () => {
  site = await createIssuingSite();
  const token = await openToken(tokenOf(site.instance), { pins: guardInMemory() });
  try {
    desk = deskFor(
      issuingCa(await findAuthority(token, caName, now), tokenIssuerOf(site.instance), caConfig(site.instance)),
      { profile: profiles.caServerCert },
      now,
    );
  } finally {
    await token.close();
  }
});
afterAll(() => {
  site.directory.remove();
});

it('threads give what a clerk here gives, each answer to its question, bad ones among them', async () => {
  const requests = makeRequests(100).map((request, index) => (index % 7 === 0 ? { ...request, csr: request.csr.slice(1) } : request));
  const started = openClerkThreads(3);
  try {
    const threads = started.at(desk);
    const here = clerkHere(desk);
    const [theirs, ours] = await Promise.all(
      [threads, here].map((clerks) => Promise.all(requests.map((request) => clerks.prepare(request)))),
    );
    const comparable = (answers: typeof theirs) =>
      answers?.map((answer) => ('problem' in answer ? answer : { name: answer.name, spki: [...answer.spki], ...answer.row, serial: '' }));
    expect(comparable(theirs)).toEqual(comparable(ours));
    expect(theirs?.filter((answer) => 'problem' in answer)).toHaveLength(15);
    const prepared = theirs?.flatMap((answer) => ('problem' in answer ? [] : [answer])) ?? [];
    const [first] = prepared;
    if (first === undefined) throw new Error('Nothing was prepared.');
    const signature = await site.signer(desk.algorithm, first.tbs);
    expect(await Promise.all(prepared.slice(0, 5).map(({ tbs }) => threads.isSigned(tbs, signature)))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  } finally {
    await started.end();
  }
});

it('a thread that ends takes none of its questions along: all are answered', async () => {
  // It finds no valid chain when it begins.
  const started = openClerkThreads(1);
  const threads = started.at({ ...desk, now: new Date(0) });
  const [request] = makeRequests(1);
  if (request === undefined) throw new Error('There is no request.');
  const ended = expect.objectContaining({
    code: 'INTERNAL',
    message: expect.stringContaining('Nothing CN=Certificate Authority') as string,
  }) as Error;
  await expect(threads.prepare(request)).rejects.toEqual(ended);
  await expect(threads.prepare(request)).rejects.toEqual(ended);
  await started.end();
});
