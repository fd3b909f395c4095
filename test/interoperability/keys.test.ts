import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseKeyType } from '../../src/pkcs11/objects/key-type.js';
import { openToken } from '../../src/pkcs11/open-token.js';
import type { Token } from '../../src/pkcs11/token.js';
import { guardInMemory } from '../pkcs11/fake-cryptoki.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createNssDatabase } from '../rig/nss-database.js';
import { createSoftToken } from '../rig/soft-token.js';
import { documented } from './documented.js';
import { signers, type Keyring } from './signers.js';

const kinds = { RSA: 'rsa:2048', 'P-256': 'P-256', 'P-384': 'P-384', 'P-521': 'P-521', Ed25519: 'Ed25519' } as const;

let directory: PrivateDirectory;
let ring: Keyring;
let token: Token;

beforeAll(async () => {
  directory = privateDirectory('signers-');
  const soft = await createSoftToken({ directory: directory.path });
  ring = { directory: directory.path, soft, nss: await createNssDatabase({ directory: directory.path, token: soft }) };
  token = await openToken(
    {
      selector: { by: 'label', label: soft.label },
      module: soft.module,
      environment: soft.environment,
      pin: { from: 'file', path: soft.pinFile },
    },
    { pins: guardInMemory(), access: 'write' },
  );
});

afterAll(async () => {
  await token.close();
  directory.remove();
});

it('has the columns of the programs, and a row for each kind of key', () => {
  const { 'key on the token': head, ...rows } = documented('key on the token');
  expect(head).toEqual(signers.map(({ name }) => name));
  expect(Object.keys(rows)).toEqual(Object.keys(kinds));
});

it.each(Object.entries(kinds))('says who signs with a key of kind %s', async (kind, words) => {
  const key = await token.generateKeyPair({ type: parseKeyType(words), label: kind.toLowerCase() });
  const cells: string[] = [];
  for (const signer of signers) cells.push(signer.signs(ring, key) ? 'yes' : 'no');
  expect(cells).toEqual(documented('key on the token')[kind]);
});
