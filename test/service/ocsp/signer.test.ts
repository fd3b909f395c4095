import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { HsmongerError } from '../../../src/errors.js';
import { createResponder } from '../../../src/service/ocsp/responder.js';
import { createSigner, type OcspSigner, type SignerParts } from '../../../src/service/ocsp/signer.js';
import type { Certificate } from '../../../src/x509/certificate.js';
import type { Token } from '../../../src/pkcs11/token.js';
import { fakeToken } from '../../issuer/fake-token.js';
import { day, extendedKeyUsage, makeCertificate, makeKeys, now, type Keys } from '../../x509/material.js';
import { makeSoftCa, requestOf, strangeCertId, type SoftCa } from './ground.js';

const minutesMs = 60_000;
let ca: SoftCa;
let delegateKeys: Keys;
let delegate: Certificate;
let said: string[];
let looks: number;
let passed: number;

beforeAll(async () => {
  ca = await makeSoftCa();
  delegateKeys = await makeKeys('p256');
  delegate = await makeCertificate({
    keys: delegateKeys,
    subject: 'CN=Delegate',
    by: ca,
    extensions: [extendedKeyUsage('1.3.6.1.5.5.7.3.9')],
  });
});
beforeEach(() => {
  said = [];
  looks = 0;
  passed = 0;
  const started = performance.now();
  vi.spyOn(performance, 'now').mockImplementation(() => started + passed);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const alone = () => ({ open: () => Promise.reject(new Error('One session is enough.')), most: 1 });

function signerOn(token: Token, parts: Partial<SignerParts> = {}) {
  return createSigner({
    openTokens: () => Promise.resolve({ home: token, further: [], more: alone }),
    findCa: () => {
      looks += 1;
      const { certificate } = ca;
      const authority = { certificate, id: Uint8Array.of(1), path: { certificates: [] } as never, pool: [] };
      return Promise.resolve({ kind: 'there', certificate, token, authority });
    },
    choice: {},
    nickname: undefined,
    revocationFault: () => undefined,
    clock: () => now,
    log: (message) => {
      said.push(message);
    },
    ...parts,
  });
}

const caToken = () => fakeToken([{ label: 'root', der: ca.certificate.der }], [ca.keys]);

describe('a CA that signs itself', () => {
  it('is looked for once, though its certificate has ended, and that is told once', async () => {
    const signer = signerOn(caToken(), { clock: () => new Date(ca.certificate.notAfter.getTime() + day) });
    for (let times = 0; times < 5; times++) expect((await signer.ready()).responder.kind).toBe('authority');
    expect(looks).toBe(1);
    expect(said).toEqual([expect.stringMatching(/^The CA certificate of .* expired at .*; renew it\.$/u)]);
  });

  it('is looked for anew when its certificate ends meanwhile', async () => {
    let time = now;
    const signer = signerOn(caToken(), { clock: () => time });
    await signer.ready();
    time = new Date(ca.certificate.notAfter.getTime() + day);
    for (let times = 0; times < 3; times++) await signer.ready();
    expect(looks).toBe(2);
  });
});

describe('the look for what was renewed', () => {
  it('keeps nobody waiting, and reads only certificates of the CA where one of them signs', async () => {
    const asked: unknown[] = [];
    let reading: Promise<void> = Promise.resolve();
    const plain = fakeToken([{ label: 'ocsp', der: delegate.der }], [delegateKeys]);
    const signer = signerOn({
      ...plain,
      certificates: async (wanted) => {
        asked.push(wanted);
        await reading;
        return plain.certificates(wanted);
      },
    });
    const first = await signer.ready();
    expect(first.responder.kind).toBe('delegate');
    let done: () => void = () => undefined;
    reading = new Promise((resolve) => {
      done = resolve;
    });
    passed += 6 * minutesMs;
    expect(await signer.ready()).toBe(first);
    expect(await signer.ready()).toBe(first);
    done();
    await vi.waitFor(async () => {
      expect(await signer.ready()).not.toBe(first);
    });
    expect(looks).toBe(2);
    expect(asked).toEqual(Array.from({ length: 2 }, () => ({ issuer: ca.certificate.subject })));
  });

  it('reads all of them where none is found by the issuer: some tools leave CKA_ISSUER out', async () => {
    const plain = fakeToken([{ label: 'ocsp', der: delegate.der }], [delegateKeys]);
    const signer = signerOn({ ...plain, certificates: (wanted) => (wanted === undefined ? plain.certificates() : Promise.resolve([])) });
    expect((await signer.ready()).responder.kind).toBe('delegate');
  });
});

describe("while the CA's own token is away", () => {
  const further = () => fakeToken([{ label: 'ocsp', der: delegate.der }], [delegateKeys]);
  const why = new HsmongerError('TOKEN_NOT_FOUND', 'It is in the safe.');
  const away = (parts: Partial<SignerParts>) =>
    signerOn(further(), {
      openTokens: () => Promise.resolve({ home: why, further: [further()], more: alone }),
      findCa: () => Promise.resolve({ kind: 'away', certificate: ca.certificate, why }),
      ...parts,
    });
  const revoked = () => 'is revoked';

  it('the other key signs, and a certificate that was named and revoked is told as that, not waited for', async () => {
    expect((await away({}).ready()).responder.kind).toBe('delegate');
    await expect(away({ nickname: 'ocsp', revocationFault: revoked }).ready()).rejects.toMatchObject({ code: 'REVOCATION_REFUSED' });
    await expect(away({ nickname: 'oscp' }).ready()).rejects.toMatchObject({ code: 'TOKEN_NOT_FOUND' });
  });

  it('why none but the CA could sign is said beside where its token is', async () => {
    await expect(away({ revocationFault: revoked }).ready()).rejects.toMatchObject({
      code: 'TOKEN_NOT_FOUND',
      message: expect.stringMatching(
        /^It is in the safe\. The OCSP certificate of CN=Delegate .* is revoked; it is passed over\.$/u,
      ) as string,
    });
  });
});

describe('a session that is lost under a signature', () => {
  const lost = () => Promise.reject(new HsmongerError('SESSION_LOST', 'The session is gone.'));
  let opened: number;
  let closed: number;
  /** Each opening gives a token whose first so many signatures fail. */
  const failing = (failures: readonly number[], parts: Partial<SignerParts> = {}) => {
    opened = 0;
    closed = 0;
    let home: Token;
    return signerOn(caToken(), {
      openTokens: () => {
        let left = failures[opened++] ?? 0;
        const plain = caToken();
        let over = false;
        home = {
          ...plain,
          sign: (...asked) => (over || left-- > 0 ? lost() : plain.sign(...asked)),
          certificates: (wanted) => (over ? lost() : plain.certificates(wanted)),
          close: () => {
            over = true;
            closed += 1;
            return Promise.resolve();
          },
        };
        return Promise.resolve({ home, further: [], more: alone });
      },
      findCa: async ({ home: token }) => {
        if (token instanceof HsmongerError) throw token;
        await token.certificates();
        const { certificate } = ca;
        return {
          kind: 'there',
          certificate,
          token,
          authority: { certificate, id: Uint8Array.of(1), path: { certificates: [] } as never, pool: [] },
        };
      },
      ...parts,
    });
  };
  const responderOf = (signer: OcspSigner) =>
    createResponder({
      signer,
      ledger: { read: () => [] as never, close: () => undefined },
      clock: () => now,
      validMs: 60_000,
      identifiedBy: 'key',
      log: (message) => {
        said.push(message);
      },
    });

  it('is no answer to anybody: all are signed through the next one, which is opened once', async () => {
    const signer = failing([3]);
    const answer = responderOf(signer);
    const question = requestOf([strangeCertId(20)], 8);
    const answers = await Promise.all(Array.from({ length: 5 }, () => answer(question)));
    expect(answers.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'answer'));
    expect([opened, closed]).toEqual([2, 1]);
    expect(said).toEqual(['The session is gone.', "The token 'fake' is there again, and answers are signed."]);
    expect((await answer(question)).kind).toBe('answer');
    await signer.close();
    expect([opened, closed]).toEqual([2, 2]);
  });

  it('each time, where something was signed between', async () => {
    const signer = failing([]);
    const answer = responderOf(signer);
    for (let times = 0; times < 3; times++) {
      const { responder } = await signer.ready();
      await responder.token.close();
      expect((await answer(requestOf([strangeCertId(20)], 8))).kind).toBe('answer');
    }
    expect(opened).toBe(4);
  });

  it('a token where every session is lost is left alone for a while', async () => {
    const answer = responderOf(failing(Array.from({ length: 9 }, () => 9)));
    const question = requestOf([strangeCertId(20)], 8);
    for (let times = 0; times < 5; times++) expect(await answer(question)).toMatchObject({ kind: 'failure', failure: 'tryLater' });
    expect([opened, closed]).toEqual([2, 2]);
    passed += 3000;
    for (let times = 0; times < 5; times++) await answer(question);
    expect([opened, closed]).toEqual([3, 3]);
  });

  it('a PIN that the token refuses after it is tried once', async () => {
    let logins = 0;
    const refused = (): Token => ({
      ...caToken(),
      findKey: () => {
        logins += 1;
        return Promise.reject(new HsmongerError('PIN_INCORRECT', 'The PIN is wrong.'));
      },
    });
    const first: Token = { ...caToken(), sign: lost };
    const tokens = [first, refused(), refused()];
    const answer = responderOf(
      failing([], {
        openTokens: () => Promise.resolve({ home: tokens[opened++]!, further: [], more: alone }),
      }),
    );
    for (let times = 0; times < 5; times++) await answer(requestOf([strangeCertId(20)], 8));
    expect([opened, logins]).toEqual([2, 1]);
  });

  it('a look for what was renewed opens the tokens anew where their sessions are over', async () => {
    const signer = failing([]);
    const { responder } = await signer.ready();
    await responder.token.close();
    passed += 6 * minutesMs;
    await signer.ready();
    await vi.waitFor(async () => {
      expect((await signer.ready()).responder.token).not.toBe(responder.token);
    });
    expect(opened).toBe(2);
  });
});
