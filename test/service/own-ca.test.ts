/** Tasks about the CA itself, with a token in memory: what they look for, and how they put it there. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stateDirectory } from '../../src/config/directories.js';
import { parseInstance } from '../../src/config/schema.js';
import { importedFile } from '../../src/issuer/external/imported.js';
import type { Database } from '../../src/ledger/database.js';
import { openLedger } from '../../src/ledger/ledger.js';
import type { Token } from '../../src/pkcs11/token.js';
import type { ServiceContext } from '../../src/service/context.js';
import { authorityChain, showCertificate } from '../../src/service/tasks/ca/issued-certificates.js';
import { storeCa } from '../../src/service/tasks/ca/store-ca.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { certificateToPem } from '../../src/x509/pem.js';
import { fakeToken } from '../issuer/fake-token.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { caExtensions, day, makeCertificate, makeKeys, now, type Keys } from '../x509/material.js';

let [rootKeys, caKeys]: Keys[] = [];
let root: Certificate;
let ca: Certificate;
let home: PrivateDirectory;
let ledger: Database;

beforeAll(async () => {
  [rootKeys, caKeys] = await Promise.all([makeKeys('p256'), makeKeys('p256')]);
  root = await certificate(rootKeys, 'CN=Outside Root');
  ca = await certificate(caKeys, 'CN=Ours', { keys: rootKeys, certificate: root });
});
beforeEach(() => {
  home = privateDirectory('own-ca');
  ledger = openLedger(path.join(home.path, 'ledger.sqlite'));
});
afterEach(() => {
  ledger.close();
  home.remove();
});

const certificate = (keys: Keys, subject: string, by?: { readonly keys: Keys; readonly certificate: Certificate }) =>
  makeCertificate({
    keys,
    subject,
    notAfter: new Date(now.getTime() + 4000 * day),
    extensions: caExtensions(),
    ...(by === undefined ? {} : { by }),
  });

function contextOf(token: Token): ServiceContext {
  const never = () => {
    throw new Error('Nobody should ask this.');
  };
  return {
    instance: parseInstance('test', '/etc/hsmonger/test.toml', {
      token: { label: 'fake', module: '/m.so', 'pin-file': '/p' },
      nss: { database: '/n' },
      issuer: { type: 'token', certificate: 'ours' },
      certificate: [],
    }),
    directories: { config: '/etc/hsmonger', state: home.path },
    clock: () => now,
    readPin: never,
    openToken: () => Promise.resolve(token),
    initMeans: { pins: undefined as never, reader: { uid: 0, gid: 0 }, env: {} },
    ledger: () => ledger,
    progress: () => undefined,
    interruption: never,
  };
}

it("chain and show find what stands above the CA where an outside CA's answer brought it, as issuing does", async () => {
  const context = contextOf(fakeToken([{ label: 'ours', der: ca.der }], [caKeys!]));
  expect(await showCertificate(context, { nickname: 'ours' })).toMatchObject({ chain: [], chainFault: expect.any(String) as string });
  const file = importedFile(stateDirectory(context.directories, context.instance), ca.spki);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, [ca, root].map(({ der }) => certificateToPem(der)).join(''));
  expect((await authorityChain(context)).certificates).toEqual([ca.der, root.der]);
  expect(await showCertificate(context, { nickname: 'ours' })).toMatchObject({ chain: [root.der] });
});

describe('storing a CA', () => {
  /** A token that notes labels, and whether the ledger was locked. */
  const storing = () => {
    const stored: string[] = [];
    const unlocked: string[] = [];
    const note = (what: string) => {
      if (!ledger.inTransaction) unlocked.push(what);
    };
    const token: Token = fakeToken([], [caKeys!], {
      certificates: () => {
        note('looked');
        return Promise.resolve([]);
      },
      storeCertificate: (_der, { label }) => {
        note('stored');
        stored.push(label);
        return Promise.resolve('stored');
      },
    });
    return { stored, unlocked, token };
  };

  it('looks and stores in one go, which no other process overlaps', async () => {
    const { stored, unlocked, token } = storing();
    await storeCa(contextOf(token), { certificate: ca.der, above: [root.der] });
    expect(stored).toEqual(['Outside Root', 'ours']);
    expect(unlocked).toEqual([]);
  });

  it('cuts a long name so that no label ends in a blank', async () => {
    const { stored, token } = storing();
    const long = await certificate(rootKeys!, `CN=${'x'.repeat(59)} yz`);
    const below = await certificate(caKeys!, 'CN=Ours', { keys: rootKeys!, certificate: long });
    await storeCa(contextOf(token), { certificate: below.der, above: [long.der] });
    expect(stored).toEqual(['x'.repeat(59), 'ours']);
  });
});
