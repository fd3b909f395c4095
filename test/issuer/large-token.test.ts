import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import pkcs11js from 'pkcs11js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findWatched } from '../../src/agent/probe/watched-keys.js';
import { authorityKey, findAuthority } from '../../src/issuer/token/authority.js';
import type { Cryptoki } from '../../src/pkcs11/cryptoki.js';
import { openModule } from '../../src/pkcs11/module/module.js';
import { openSession } from '../../src/pkcs11/session.js';
import { findToken, tokensOf } from '../../src/pkcs11/slots.js';
import type { Token } from '../../src/pkcs11/token.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { guardInMemory } from '../pkcs11/fake-cryptoki.js';
import { over } from '../pkcs11/over-cryptoki.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { importRsaKey, storeCertificate, withSession, type TokenSession } from '../rig/token-objects.js';
import { makeCertificate, makeKeys, now } from '../x509/material.js';

let directory: PrivateDirectory;
let soft: SoftToken;

const store = (
  session: TokenSession,
  label: string,
  { der, subject, issuer, serial }: Certificate,
  { id = Buffer.from(label), name = subject } = {},
) => storeCertificate(session, { der, subject: name, issuer, serial, id, label });

/** So many strangers more. */
async function addStrangers(count: number): Promise<void> {
  const stranger = await makeCertificate({ keys: await makeKeys('p256'), subject: 'CN=stranger' });
  await withSession(soft, (session) => {
    for (let n = 0; n < count; n++) {
      store(session, `stranger ${String(n)}`, stranger);
      session.pkcs11.C_CreateObject(session.handle, [
        { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_DATA },
        { type: pkcs11js.CKA_TOKEN, value: true },
        { type: pkcs11js.CKA_LABEL, value: `data ${String(n)}` },
      ]);
    }
  });
}

beforeAll(async () => {
  directory = privateDirectory();
  soft = await createSoftToken({ directory: directory.path });
  const keys = { root: await makeKeys(), sub: await makeKeys() };
  const root = await makeCertificate({ keys: keys.root, subject: 'CN=Root', extensions: authority() });
  const sub = await makeCertificate({
    keys: keys.sub,
    subject: 'CN=Sub',
    by: { keys: keys.root, certificate: root },
    extensions: authority(),
  });
  await withSession(soft, (session) => {
    for (const [label, { privateKey }] of Object.entries(keys))
      importRsaKey(session, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), label);
    store(session, 'root', root);
    store(session, 'sub', sub);
  });
}, 60_000);

afterAll(() => {
  directory.remove();
});

function authority() {
  return [new x509.BasicConstraintsExtension(true, undefined, true)];
}

/** What the module is asked while `work` runs: the searches, what they find, and the attributes read. */
async function counted(work: (token: Token) => Promise<unknown>): Promise<{ searches: number; found: number; attributes: number }> {
  const counts = { searches: 0, found: 0, attributes: 0 };
  const module = openModule({ module: soft.module, environment: soft.environment });
  const real = module.cryptoki;
  const cryptoki: Cryptoki = over(real, {
    C_FindObjectsInit: (session, template) => {
      counts.searches += 1;
      real.C_FindObjectsInit(session, template);
    },
    C_FindObjects: (session, most) => {
      const found = real.C_FindObjects(session, most);
      counts.found += found.length;
      return found;
    },
    C_GetAttributeValue: (session, object, template) => {
      counts.attributes += 1;
      return real.C_GetAttributeValue(session, object, template);
    },
  });
  const found = findToken(tokensOf(cryptoki, soft.module), { by: 'label', label: soft.label }, soft.module);
  const means = {
    source: { from: 'file' as const, path: soft.pinFile },
    pins: guardInMemory(),
    force: false,
    anew: false,
    env: {},
    reader: { uid: process.getuid!(), gid: process.getgid!() },
    clock: () => new Date(),
  };
  const token = openSession({
    cryptoki,
    found,
    module: module.file,
    access: 'read',
    means,
    release: () => {
      module.release();
    },
  });
  try {
    await work(token);
    return counts;
  } finally {
    await token.close();
  }
}

const asOf = (nickname: string) => async (token: Token) => {
  const found = await findAuthority(token, nickname, now);
  await authorityKey(token, found);
  return found;
};

describe('what a token is asked for', () => {
  // SoftHSM takes longer for each new object, the more there are.
  it('does not grow with what else is on it', async () => {
    const work = {
      'a root and its key': asOf('root'),
      'a subordinate, its root and its key': asOf('sub'),
      'the keys the agent watches': (token: Token) => findWatched(token, ['root', 'sub']),
    };
    const count = async () => {
      const counts: Record<string, Awaited<ReturnType<typeof counted>>> = {};
      for (const [what, does] of Object.entries(work)) counts[what] = await counted(does);
      return counts;
    };
    await addStrangers(10);
    const few = await count();
    await addStrangers(60);
    expect(await count()).toEqual(few);
    expect(few['a root and its key']!.found).toBeLessThanOrEqual(3);
  });

  it('is everything only where a chain cannot be found by names', async () => {
    const before = await counted(asOf('sub'));
    const other = await makeKeys();
    const root = await makeCertificate({ keys: other, subject: 'CN=Nameless Root', extensions: authority() });
    const orphan = await makeCertificate({
      keys: await makeKeys(),
      subject: 'CN=Orphan',
      by: { keys: other, certificate: root },
      extensions: authority(),
    });
    await withSession(soft, (session) => {
      // A tool that leaves CKA_SUBJECT empty, as the standard lets it for certificates it cannot read.
      store(session, 'nameless', root, { name: new Uint8Array() });
      store(session, 'orphan', orphan);
    });
    let path: unknown;
    const { found } = await counted(async (token) => {
      path = (await findAuthority(token, 'orphan', now)).path.roots.map(({ der }) => Buffer.from(der));
    });
    expect(path).toEqual([Buffer.from(root.der)]);
    expect(found).toBeGreaterThan(70);
    expect(await counted(asOf('sub'))).toEqual(before);
  });
});
