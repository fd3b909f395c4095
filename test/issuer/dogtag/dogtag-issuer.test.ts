import { afterEach, describe, expect, it } from 'vitest';
import { interfaceNames } from '../../../src/issuer/dogtag/api.js';
import { equalBytes } from '../../../src/x509/der.js';
import { sameKey } from '../../../src/x509/public-key.js';
import type { DoubleOptions } from '../../rig/dogtag-double.js';
import { hex, makeKeys } from '../../x509/material.js';
import { issuedBy, makeRequest, makeSite, pendingOf, type Site } from './site.js';

let site: Site | undefined;
const use = async (options?: DoubleOptions) => (site = await makeSite(options));
afterEach(async () => {
  await site?.close();
  site = undefined;
});

describe.each(interfaceNames)('a certificate through %s', (name) => {
  const only = { interfaces: [name] } as const;

  it('is approved by the agent, and renewed with the same key', async () => {
    const { issuer, double } = await use({ ...only, days: 10 });
    const request = await makeRequest();
    const first = issuedBy(await issuer().enrol(request));
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const second = issuedBy(await issuer().enrol({ ...request, oldCertificate: first.der }));
    expect(sameKey(second.spki, request.keys.spki)).toBe(true);
    expect(second.notAfter.getTime()).toBeGreaterThan(first.notAfter.getTime());
    expect(double.requests.size).toBe(2);
  });

  it('asked for again is the same one, and nothing is enrolled', async () => {
    const { issuer, double } = await use(only);
    const request = await makeRequest();
    const first = await issuer().enrol(request);
    expect(issuedBy(await issuer().enrol(request)).der).toEqual(issuedBy(first).der);
    expect(double.requests.size).toBe(1);
  });

  it('waits for an agent where there is none here, and is taken up by its cookie when one approved it', async () => {
    const { issuer, double, ledger } = await use(only);
    const request = await makeRequest();
    const { pending, message, afterSeconds } = pendingOf(await issuer({ agent: 'none' }).enrol(request));
    expect(pending).toMatch(/^state=check&requestId=(?:7|0x7)$/u);
    expect(message).toMatch(
      /^Request (?:7|0x7) for CN=host\.double\.test,O=DOUBLE waits at the CA: it has no agent here; an agent approves it with 'pki ca-cert-request-approve (?:7|0x7)'\.$/u,
    );
    expect(afterSeconds).toBe(300);
    expect(pendingOf(await issuer({ agent: 'none' }).enrol({ ...request, pending })).pending).toBe(pending);
    // Another host's ledger, or none: the cookie alone has to do.
    ledger.exec('DELETE FROM asked');
    await double.approveByHand(7);
    expect(
      sameKey(
        issuedBy(await issuer({ agent: 'none' }).enrol({ ...request, pending: 'state=approve&requestId=7' })).spki,
        request.keys.spki,
      ),
    ).toBe(true);
    expect(double.requests.size).toBe(1);
  });

  it('is not asked for as an agent whose certificate the CA knows and does not let approve: it waits', async () => {
    const { issuer } = await use(only);
    expect(pendingOf(await issuer({ agent: 'powerless' }).enrol(await makeRequest())).message).toMatch(
      /may not be approved with the certificate of the agent here/u,
    );
  });

  it('of a profile that asks who is asking is asked for as the agent', async () => {
    const { issuer } = await use(only);
    expect(issuedBy(await issuer().enrol(await makeRequest('caAuthenticated')))).toBeDefined();
  });

  it('refused by a person is refused once, and asked for anew the next time', async () => {
    const { issuer, double } = await use(only);
    const request = await makeRequest();
    const { pending } = pendingOf(await issuer({ agent: 'none' }).enrol(request));
    double.requests.get(7)!.status = 'canceled';
    await expect(issuer().enrol({ ...request, pending })).rejects.toMatchObject({
      code: 'CA_REFUSED',
      message: expect.stringMatching(/^The CA refused request (?:7|0x7) for CN=host\.double\.test,O=DOUBLE: canceled\.$/u) as string,
    });
    expect(issuedBy(await issuer().enrol(request))).toBeDefined();
  });

  it.each([
    ['names a request the CA does not have', 'state=check&requestId=99'],
    ['is no cookie of ours', '{"cookie": "x"}'],
    ['has a path for a number', 'state=check&requestId=../../admin'],
    ['has another state', 'state=delete&requestId=7'],
  ])('begins anew where the cookie %s', async (_what, pending) => {
    const { issuer, double } = await use(only);
    expect(issuedBy(await issuer().enrol({ ...(await makeRequest()), pending }))).toBeDefined();
    expect(double.asked.filter((asked) => /admin\b(?!\/ca\/getStatus)/u.test(asked))).toEqual([]);
  });

  it("never approves somebody else's request, whatever the cookie says", async () => {
    const { issuer, double } = await use(only);
    const theirs = pendingOf(await issuer({ agent: 'none' }).enrol(await makeRequest('caServerCert', 'O=DOUBLE, CN=theirs')));
    const ours = await makeRequest();
    expect(sameKey(issuedBy(await issuer().enrol({ ...ours, pending: theirs.pending })).spki, ours.keys.spki)).toBe(true);
    expect(double.requests.get(7)?.status).toBe('pending');
  });

  // Every exchange with the CA that an enrolment has, lost in turn after the CA did its part: what a kill leaves.
  it.each([0, 1, 2, 3, 4, 5, 6])('whose answer number %i was lost is made once, and the next SUBMIT finds it', async (lost) => {
    const { issuer, double } = await use(only);
    await issuer().enrol(await makeRequest());
    const request = await makeRequest('caServerCert', 'O=DOUBLE, CN=second.double.test');
    let count = -1;
    double.cut = () => ++count === lost;
    const first = await issuer()
      .enrol(request)
      .catch((error: unknown) => error as Error);
    double.cut = undefined;
    const second = issuedBy(await issuer().enrol(request));
    if (!(first instanceof Error)) expect(issuedBy(first).der).toEqual(second.der);
    const made = [...double.requests.values()].filter(
      ({ certificate }) => certificate !== undefined && equalBytes(certificate.spki, second.spki),
    );
    expect(made).toHaveLength(1);
    // The servlets have no search: a request that was never heard of again stays with the CA, unapproved.
    expect(double.requests.size).toBe(name === 'servlets' && lost === 0 ? 3 : 2);
  });
});

describe('what was handed out before', () => {
  it('is not handed out again once the CA has revoked it', async () => {
    const { issuer, double } = await use({ interfaces: ['v2'] });
    const request = await makeRequest();
    const first = issuedBy(await issuer().enrol(request));
    double.revoke(hex(first.serial));
    expect(issuedBy(await issuer().enrol(request)).der).not.toEqual(first.der);
  });

  it('of a profile that needs no agent is found at the CA when its answer was lost', async () => {
    const { issuer, double } = await use({ interfaces: ['v2'], automatic: ['caServerCert'] });
    const request = await makeRequest();
    double.cut = () => double.requests.size > 0;
    await expect(issuer().enrol(request)).rejects.toMatchObject({ code: 'CA_UNREACHABLE' });
    double.cut = undefined;
    issuedBy(await issuer().enrol(request));
    expect(double.requests.size).toBe(1);
  });

  it('is not made twice by two that ask at once', async () => {
    const { issuer, double } = await use();
    const request = await makeRequest();
    const [one, other] = await Promise.all([issuer().enrol(request), issuer().enrol(request)]);
    expect(issuedBy(one).der).toEqual(issuedBy(other).der);
    expect(double.requests.size).toBe(1);
  });
});

describe('the interface', () => {
  it.each([
    [['v2', 'v1', 'servlets'], 'v2', ['GET /ca/v2/info']],
    [['v1', 'servlets'], 'v1', ['GET /ca/v2/info', 'GET /ca/rest/info']],
    [['servlets'], 'servlets', ['GET /ca/v2/info', 'GET /ca/rest/info', 'GET /ca/admin/ca/getStatus']],
  ] as const)('of a server with %j is %s, asked once', async (interfaces, name, asked) => {
    const { issuer, double, ledger } = await use({ interfaces });
    const questions = () => double.asked.filter((line) => /info$|getStatus$/u.test(line));
    await issuer().enrol(await makeRequest());
    expect(questions()).toEqual(asked);
    await issuer().enrol(await makeRequest());
    expect(questions()).toEqual(asked);
    expect(ledger.prepare('SELECT interface FROM interfaces').pluck().all()).toEqual([name]);
  });

  it.each(['v2', 'v1'])('%s, remembered and gone, is forgotten, and the next one used', async (name) => {
    const { issuer, double, ledger } = await use({ interfaces: ['servlets'] });
    ledger.prepare('INSERT INTO interfaces VALUES (?, ?)').run(double.url, name);
    expect(issuedBy(await issuer().enrol(await makeRequest()))).toBeDefined();
    expect(ledger.prepare('SELECT interface FROM interfaces').pluck().all()).toEqual(['servlets']);
  });
});

describe('a CA certificate', () => {
  it.each(interfaceNames)(
    'is approved with leave to outlive the CA certificate in use when it is renewed, and nothing else is (%s)',
    async (name) => {
      const { issuer, double } = await use({ interfaces: [name], days: 7000 });
      const request = await makeRequest('caCACert', 'O=DOUBLE, CN=Sub CA');
      const old = issuedBy(await issuer().enrol(request));
      const renewed = issuedBy(await issuer().enrol({ ...request, oldCertificate: old.der }));
      expect(old.notAfter).toEqual(double.ca.certificate.notAfter);
      expect(renewed.notAfter.getTime()).toBeGreaterThan(old.notAfter.getTime());
      const leaf = await makeRequest();
      const oldLeaf = issuedBy(await issuer().enrol(leaf));
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await issuer().enrol({ ...leaf, oldCertificate: oldLeaf.der });
      expect([...double.requests.values()].map(({ outlives }) => outlives)).toEqual(['false', 'true', 'false', 'false']);
    },
  );

  it('whose end Dogtag did not move is not called renewed, and the settings that cap it are named', async () => {
    const { issuer } = await use({ days: 7000, cutsCa: true });
    const request = await makeRequest('caCACert', 'O=DOUBLE, CN=Sub CA');
    const old = issuedBy(await issuer().enrol(request));
    await expect(issuer().enrol({ ...request, oldCertificate: old.der })).rejects.toMatchObject({
      code: 'NOT_LONGER',
      message: expect.stringMatching(
        /nothing was renewed.*up to PKI 11\.0, CS\.cfg has ca\.enablePastCATime=true.*since 11\.1.*bypassCAnotafter=true.*CAValidityDefault.*CS\.cfg ca\.enablePastCATime_caCert=true/u,
      ) as string,
    });
  });

  const id = '0c2e4a7e-7e5e-4a53-9f0a-000000000001';
  it.each([
    ['v2', true],
    ['v1', true],
    ['v2', false],
  ] as const)('of a lightweight CA is renewed by %s (its own way: %s)', async (name, renewable) => {
    const keys = await makeKeys('p256');
    const subject = 'O=DOUBLE, CN=Light';
    const { issuer, double } = await use({ interfaces: [name], lightweight: { id, keys, subject, renewable } });
    const { csr } = await makeRequest('caCACert', subject, keys);
    const old = double.lightweight();
    // A first request gets what is there.
    expect(issuedBy(await issuer().enrol({ csr, profile: 'caCACert', authority: id })).der).toEqual(old.der);
    const renewal = { csr, profile: 'caCACert', authority: id, oldCertificate: old.der };
    const renewed = issuedBy(await issuer().enrol(renewal));
    expect(renewed.notAfter.getTime()).toBeGreaterThan(old.notAfter.getTime());
    const renewals = () => double.asked.filter((line) => line.endsWith('/renew')).length;
    const before = renewals();
    // Asked again for the same old certificate: what is there is right already.
    expect(issuedBy(await issuer().enrol(renewal)).der).toEqual(renewed.der);
    if (renewable) expect(renewals()).toBe(before);
    else expect(double.requests.size).toBeGreaterThan(0);
  });

  it.each<[string, boolean, string, RegExp]>([
    [
      'that is not ready there is not asked to be renewed',
      false,
      'CA_ANSWER_INVALID',
      /has lightweight CA 0c2e.*, which is not ready there/u,
    ],
    [
      'with another key is not asked to be renewed',
      true,
      'CA_REFUSED',
      /for lightweight CA 0c2e.* is CN=Light,O=DOUBLE's and has another key than the certificate request/u,
    ],
  ])('of a lightweight CA %s', async (_what, ready, code, sentence) => {
    const { issuer, double } = await use({
      lightweight: { id, keys: await makeKeys('p256'), subject: 'O=DOUBLE, CN=Light', renewable: true, ready },
    });
    await expect(issuer().enrol({ ...(await makeRequest('caCACert', 'O=DOUBLE, CN=Light')), authority: id })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(sentence) as string,
    });
    expect(double.asked.filter((line) => line.startsWith('POST'))).toEqual([]);
  });

  it('of a lightweight CA nobody has is refused', async () => {
    const { issuer } = await use();
    await expect(issuer().enrol({ ...(await makeRequest('caCACert')), authority: id })).rejects.toMatchObject({
      code: 'CA_REFUSED',
      message: expect.stringMatching(/has no lightweight CA 0c2e/u) as string,
    });
  });
});

describe('the roots', () => {
  it.each(interfaceNames)("are the CA's own chain (%s)", async (name) => {
    const { issuer, double } = await use({ interfaces: [name] });
    expect(await issuer().roots()).toEqual({ chain: [], roots: [double.ca.certificate.der] });
  });
});
