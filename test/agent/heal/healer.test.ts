import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'smol-toml';
import { afterEach, expect, test, vi } from 'vitest';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { InstanceContext } from '../../../src/agent/instances/instance-context.js';
import type { IssuerAnswer } from '../../../src/agent/heal/ask-issuer.js';
import type { CertmongerLink } from '../../../src/agent/certmonger-link.js';
import { createEvents } from '../../../src/agent/report/events.js';
import { startHealer, type Healer } from '../../../src/agent/heal/healer.js';
import type { RequestCache, CachedRequest } from '../../../src/agent/requests/request-cache.js';
import { requestIds } from '../../../src/config/request-id.js';
import { tokenOf } from '../../../src/config/token-of.js';
import { parseInstance } from '../../../src/config/schema.js';
import type { LoginProbe, Probe } from '../../../src/diagnosis/probe.js';
import type { Memory } from '../../../src/diagnosis/remembered.js';
import { pinFileNow } from '../../../src/pkcs11/pin/pin-aside.js';
import { privateDirectory } from '../../rig/directory.js';
import { makeCertificate, makeKeys, pem } from '../../x509/material.js';
import { conf } from './hand-made-context.js';

vi.setConfig({ testTimeout: 30_000 });

const instance = parseInstance(
  'x',
  '/x.toml',
  parse(
    '[token]\nlabel="t"\nmodule="/m.so"\npin-file="/nowhere/pin"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n[[certificate]]\nnickname="ocsp"\nprofile="caOCSPCert"\n[agent]\nsign-minutes=0\n',
  ),
);
const id = requestIds(instance).get('ocsp') ?? '';
const certificate = await makeCertificate({ keys: await makeKeys('p256') });

/** A certmonger that does as it is told and says what that was; time and looks as the test wants them. */
function world(its = instance, away = false) {
  const did: string[] = [];
  const stop = new AbortController();
  let ms = 1000;
  let looks = 0;
  let login: LoginProbe = { state: 'proven', source: 's' };
  let there = true;
  let cached: CachedRequest | undefined;
  let memory: Memory = { outcomes: [], issued: [], superseded: [], inPlace: [], journal: [] };
  let unreadable = false;
  let proving: () => Promise<void> = () => Promise.resolve();
  let answer: IssuerAnswer = 'cannot say';
  let asked = 0;
  let hold: Promise<void> = Promise.resolve();
  const listeners = new Set<() => void>();
  const change = () => {
    for (const listener of listeners) listener();
  };
  const request = (status: string, stuck: boolean, caError?: string) =>
    ({
      path: '/1',
      nickname: id,
      ca: 'x',
      status,
      stuck,
      monitoring: true,
      caError,
      template: {},
      key: { type: 'EC', size: 256, pinFile: '/nowhere/pin' },
      certificate: { pem: pem(certificate.der), notBefore: certificate.notBefore, notAfter: certificate.notAfter },
    }) as unknown as TrackingRequest;
  const daemon = {
    request: () => ({
      find: () => hold.then(() => cached?.request),
      read: () => Promise.resolve(cached?.request),
      modify: (changes: object) => {
        did.push(`modify ${Object.keys(changes).join(' ')}`);
        return Promise.resolve();
      },
      resubmit: () => {
        did.push('resubmit');
        return Promise.resolve(true);
      },
      refresh: () => {
        did.push('refresh');
        return Promise.resolve(true);
      },
    }),
  };
  const probe = (): Probe => ({
    at: new Date(),
    token: there
      ? { state: 'present', pin: 'fine', login, keys: { ocsp: { ok: true, latencyMs: 1 } } }
      : { state: 'away', code: 'TOKEN_NOT_FOUND', problem: 'Away.' },
  });
  const events = createEvents();
  const context: InstanceContext = {
    instance: its,
    directories: { config: '/c', state: '/s' },
    conf,
    instances: [its],
    certmonger: { use: (work: (it: unknown) => Promise<unknown>) => work(daemon), close: () => undefined } as unknown as CertmongerLink,
    requestCache: {
      requests: () => (away ? undefined : cached === undefined ? [] : [cached]),
      request: () => cached,
      trouble: () => undefined,
      onChange: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      refresh: () => Promise.resolve(),
    } as unknown as RequestCache,
    prober: {
      latest: () => (away ? probe() : undefined),
      onProbe: () => () => undefined,
      look: () => {
        looks += 1;
        return Promise.resolve(probe());
      },
      prove: () => proving(),
      signatures: () => 0,
    },
    events,
    log: () => undefined,
    clock: () => new Date(certificate.notBefore.getTime() + 86_400_000),
    signal: stop.signal,
  };
  const healer = startHealer(context, {
    readMemory: () => (unreadable ? Promise.reject(new Error('The ledger is locked.')) : Promise.resolve(memory)),
    ask: (refused) => {
      asked += 1;
      return Promise.resolve(new Map(refused.map(({ nickname }) => [nickname, answer])));
    },
    random: () => 0,
    now: () => ms,
    // Two rounds may be behind what pass() waits for.
    settleMs: 20,
  });
  started.push({ stop, healer });
  return {
    healer,
    events,
    did,
    looks: () => looks,
    asked: () => asked,
    answer: (is: IssuerAnswer) => {
      answer = is;
    },
    proving: (is: () => Promise<void>) => {
      proving = is;
    },
    set: (status: string, stuck: boolean, caError?: string) => {
      cached = { request: request(status, stuck, caError), sinceMs: ms, trail: [{ status, atMs: ms }] };
      change();
    },
    token: (is: boolean) => {
      there = is;
    },
    login: (is: LoginProbe) => {
      login = is;
    },
    remember: (is: Memory) => {
      memory = is;
    },
    forget: (is: boolean) => {
      unreadable = is;
    },
    kinds: () => events.recent().map(({ kind }) => kind),
    holdCalls: (until: Promise<void>) => {
      hold = until;
    },
    /** Time goes on, and the healer sees it. */
    async pass(seconds: number) {
      ms += seconds * 1000;
      change();
      await sleep(700);
    },
  };
}

const started: { readonly stop: AbortController; readonly healer: Healer }[] = [];
afterEach(async () => {
  for (const { stop, healer } of started.splice(0)) {
    stop.abort();
    await healer.ended;
  }
});

test('a request stuck for the token is resubmitted only after a look with new eyes found it, and each time in vain it waits longer', async () => {
  const at = world();
  at.token(false);
  at.set('NEED_CSR_GEN_TOKEN', true);
  await at.pass(1);
  expect(at.looks()).toBe(1);
  expect([at.did, at.healer.diagnoses().get('ocsp')?.cause]).toEqual([[], 'token-away']);
  at.token(true);
  await at.pass(1);
  expect(at.did).toEqual([]);
  await at.pass(21);
  expect(at.looks()).toBe(2);
  // A resubmit that keeps the key: its type and size are sent first.
  expect(at.did).toEqual(['modify keyType keySize', 'resubmit']);
  at.did.length = 0;
  // In vain: stuck again, and what was seen before proves nothing now.
  at.set('NEED_CSR_GEN_TOKEN', true);
  await at.pass(4);
  expect(at.looks()).toBe(3);
  await at.pass(1);
  expect(at.did).toEqual([]);
  await at.pass(15);
  expect(at.did).toEqual(['modify keyType keySize', 'resubmit']);
});

test('the waits go on growing where causes take turns, as when certmonger never sees the token we see', async () => {
  const at = world();
  for (let minute = 0; minute < 15; minute += 1) {
    at.set('NEED_CSR_GEN_TOKEN', true);
    await at.pass(60);
  }
  // 0, 15, 30, 60, 120, 240 s and so on; not once a minute.
  const cures = at.did.filter((what) => what === 'resubmit' || what === 'modify monitoring').length;
  expect(cures).toBeGreaterThanOrEqual(3);
  expect(cures).toBeLessThanOrEqual(8);
  expect(at.healer.diagnoses().get('ocsp')?.cause).toBe('token-unseen');
});

test('at rest is not well before the ledger was read: nothing is called healed in between, and waits are kept', async () => {
  const at = world();
  at.set('NEED_GUIDANCE', true);
  await at.pass(1);
  expect(at.did).toEqual(['modify keyType keySize', 'resubmit']);
  at.forget(true);
  at.set('MONITORING', false);
  await at.pass(5);
  expect(at.kinds()).not.toContain('healed');
  at.forget(false);
  await at.pass(5);
  expect(at.kinds()).toContain('healed');
});

test('what is on its way is left alone, and so is a key that certmonger would make', async () => {
  const at = world();
  for (const status of ['NEED_CSR', 'SUBMITTING', 'SAVING_CERT', 'NEED_KEY_PAIR', 'GENERATING_KEY_PAIR']) {
    at.set(status, false);
    await at.pass(5);
  }
  at.set('NEED_KEY_GEN_PIN', true);
  await at.pass(5);
  await at.pass(3600);
  expect(at.did).toEqual([]);
  expect(at.healer.diagnoses().get('ocsp')).toMatchObject({ cause: 'makes-keys', cure: { by: 'a person', alone: false } });
});

test('the CA that could not be reached is asked again within minutes, for as long as it takes', async () => {
  const at = world();
  at.set('CA_UNREACHABLE', false);
  await at.pass(1);
  expect(at.did).toEqual(['refresh']);
  for (let round = 0; round < 3; round += 1) {
    at.did.length = 0;
    at.set('CA_UNREACHABLE', false);
    await at.pass(301);
    expect(at.did).toEqual(['refresh']);
  }
});

test('a call to certmonger that does not come back holds up no diagnosis, and is not made twice', async () => {
  const at = world();
  let release = () => {
    /* replaced */
  };
  at.holdCalls(
    new Promise((resolve) => {
      release = resolve;
    }),
  );
  at.set('NEED_GUIDANCE', true);
  await at.pass(1);
  await at.pass(600);
  at.set('MONITORING', false);
  await at.pass(1);
  expect(at.healer.diagnoses().size).toBe(0);
  release();
  await at.pass(1);
  // It has moved meanwhile: nothing is done to it.
  expect(at.did).toEqual([]);
});

test('a PIN that is refused while certmonger is away is out of the way before that comes back', async () => {
  const directory = privateDirectory('heal-away');
  try {
    const file = path.join(directory.path, 'pin');
    writeFileSync(file, 'bad\n', { mode: 0o600 });
    const at = world({ ...instance, token: { ...tokenOf(instance), pin: { from: 'file', path: file } } }, true);
    at.login({ state: 'refused', source: pinFileNow(file) ?? '', code: 'PIN_INCORRECT', problem: 'Bad.' });
    await at.pass(1);
    expect([existsSync(file), existsSync(`${file}.refused`)]).toEqual([false, true]);
    expect(at.kinds()).toContain('locked');
  } finally {
    directory.remove();
  }
});

test('a PIN that is refused resubmits nothing, however long', async () => {
  const at = world();
  at.login({ state: 'refused', code: 'PIN_KNOWN_BAD', problem: 'Bad.' });
  at.set('NEED_CSR_GEN_PIN', true);
  for (let minute = 0; minute < 5; minute += 1) await at.pass(60);
  expect(at.did).toEqual([]);
  expect(at.healer.instance().map(({ cause }) => cause)).toEqual(['pin-refused']);
  at.login({ state: 'proven', source: 'new' });
  await at.pass(60);
  await at.pass(1);
  expect(at.did).toEqual(['modify keyType keySize', 'resubmit']);
});

test('what was refused is asked for again as soon as the issuer would grant it, and not at every question', async () => {
  const at = world();
  at.answer('no');
  at.set('MONITORING', false, 'It would not live longer.');
  await at.pass(1);
  expect([at.asked(), at.healer.diagnoses().get('ocsp')?.cause]).toEqual([1, 'refused']);
  // Refused in earnest until the waits are long: 15, 30, 60, 120, 240 s.
  for (const seconds of [16, 31, 61, 121]) {
    await at.pass(seconds);
    at.set('MONITORING', false, 'It would not live longer.');
  }
  expect(at.did.filter((what) => what === 'resubmit')).toHaveLength(4);
  at.did.length = 0;
  await at.pass(41);
  expect(at.did).toEqual([]);
  at.answer('yes');
  await at.pass(41);
  await at.pass(1);
  expect(at.did).toEqual(['modify keyType keySize', 'resubmit']);
  // In vain: what the question shows is not what stands in the way, so it is not believed again.
  at.did.length = 0;
  at.set('MONITORING', false, 'Another reason.');
  for (let round = 0; round < 4; round += 1) await at.pass(41);
  expect(at.did).toEqual([]);
});

test('certmonger is not made to log in with a PIN that does not prove itself, and is as soon as it does', async () => {
  const at = world();
  at.proving(() => Promise.reject(new Error('The token refused the PIN.')));
  at.set('NEED_GUIDANCE', true);
  for (let round = 0; round < 4; round += 1) await at.pass(21);
  expect(at.did).toEqual([]);
  at.proving(() => Promise.resolve());
  await at.pass(21);
  expect(at.did).toEqual(['modify keyType keySize', 'resubmit']);
});

test('a saving that was left and is finished by somebody else is over, though certmonger shows nothing of it', async () => {
  const at = world();
  const left = (step: string): Memory['journal'] => [
    { nickname: 'ocsp', step, left: [{ step: 'published', reason: 'No directory.' }], updatedAt: new Date() },
  ];
  at.remember({ outcomes: [], issued: [], superseded: [], inPlace: [], journal: left('in service') });
  await at.pass(3);
  at.set('MONITORING', false);
  await at.pass(3);
  expect(at.healer.diagnoses().get('ocsp')?.cause).toBe('saving-left');
  at.remember({ outcomes: [], issued: [], superseded: [], inPlace: [], journal: [] });
  await at.pass(60);
  expect(at.healer.diagnoses().get('ocsp')).toBeUndefined();
});
