import { existsSync, renameSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { caConfig } from '../../../src/config/ca-config.js';
import { tokenOf } from '../../../src/config/token-of.js';
import { profiles } from '../../../src/issuer/profiles.js';
import { findAuthority } from '../../../src/issuer/token/authority.js';
import { deskFor } from '../../../src/issuer/token/issuance/clerk.js';
import { issueMany, type IssueParts } from '../../../src/issuer/token/issuance/issue-many.js';
import { issuingCa } from '../../../src/issuer/token/issuance/prepared.js';
import type { IssueResult, NamedRequest } from '../../../src/issuer/token/issuance/results.js';
import { openLedger } from '../../../src/ledger/ledger.js';
import { openPinGuard } from '../../../src/ledger/pins.js';
import { openToken } from '../../../src/pkcs11/open-token.js';
import { openSigningPool } from '../../../src/pkcs11/signing/pool.js';
import { openClerkThreads } from '../../../src/service/clerks/clerk-threads.js';
import { makeRequests } from '../../x509/many-requests.js';
import { tokenIssuerOf } from '../token-issuer-of.js';
import { caName, createIssuingSite, type IssuingSite } from './rig.js';

let site: IssuingSite;
beforeAll(async () => {
  site = await createIssuingSite();
});
afterAll(() => site.directory.remove());

const count = 60;

/** Issues through a pool, no other session open, as the task does; `before` runs ahead of each signature. */
async function run(requests: readonly NamedRequest[], before: (nth: number) => void): Promise<IssueResult[]> {
  const pins = openPinGuard(path.join(site.directory.path, 'pins.sqlite'));
  const ledger = openLedger(site.ledgerFile);
  const open = () => openToken(tokenOf(site.instance), { pins });
  const first = await open();
  const authority = await findAuthority(first, caName, new Date());
  await first.close();
  const pool = await openSigningPool(open, { by: 'public-key', spki: authority.certificate.spki, id: authority.id }, 2);
  let nth = 0;
  const sign: IssueParts['sign'] = (algorithm, data) => {
    before(++nth);
    return pool.sign(algorithm, data);
  };
  const desk = deskFor(
    issuingCa(authority, tokenIssuerOf(site.instance), caConfig(site.instance)),
    { profile: profiles.caServerCert },
    new Date(),
  );
  const threads = openClerkThreads(2);
  try {
    return await issueMany(
      {
        desk,
        clerks: threads.at(desk),
        ledger,
        clock: () => new Date(),
        uid: 0,
        sign,
        sessions: 2,
        busyMs: 5000,
        progress: () => undefined,
        signal: new AbortController().signal,
      },
      requests,
    );
  } finally {
    await threads.end();
    await pool.close();
    ledger.close();
    pins.close();
  }
}

it('the token unplugged in the middle of many: each request is answered, what was done stays, and with the token back a second run finishes with the same certificates', async () => {
  const requests = makeRequests(count);
  const away = `${site.token.tokenDirectory}.away`;
  const first = await run(requests, (nth) => {
    if (nth === 20) renameSync(site.token.tokenDirectory, away);
  });
  if (existsSync(away)) renameSync(away, site.token.tokenDirectory);
  expect(first.map(({ name }) => name)).toEqual(requests.map(({ name }) => name));
  const done = first.filter((result) => 'certificate' in result);
  expect(done.length).toBeGreaterThan(0);
  expect(done.length).toBeLessThan(count);
  for (const result of first)
    if ('problem' in result) expect(['TOKEN_NOT_FOUND', 'TOKEN_FAILED', 'SESSION_LOST', 'MODULE_FAILED']).toContain(result.problem.code);

  const second = await run(requests, () => undefined);
  expect(second.filter((result) => 'problem' in result)).toEqual([]);
  for (const result of done) expect(second.find(({ name }) => name === result.name)).toEqual({ ...result, before: true });
  expect(new Set(second.flatMap((result) => ('certificate' in result ? [Buffer.from(result.certificate).toString('hex')] : []))).size).toBe(
    count,
  );
});

it('plugged in again at once: nothing is refused', async () => {
  const requests = makeRequests(count);
  const away = `${site.token.tokenDirectory}.away`;
  const results = await run(requests, (nth) => {
    if (nth !== 20) return;
    renameSync(site.token.tokenDirectory, away);
    setTimeout(() => {
      renameSync(away, site.token.tokenDirectory);
    }, 200);
  });
  expect(results.filter((result) => 'problem' in result)).toEqual([]);
});
