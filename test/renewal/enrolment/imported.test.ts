import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { importedFile } from '../../../src/issuer/external/imported.js';
import { writeCookie } from '../../../src/protocol/cookie.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { pem } from '../../x509/material.js';
import { makeMaterial, play, type Material, type Seen, type Situation } from './world.js';

let scratch: PrivateDirectory;
let material: Material;
beforeAll(async () => {
  scratch = privateDirectory('imported');
  material = await makeMaterial();
});
beforeEach(() => {
  rmSync(path.join(scratch.path, 'imported'), { recursive: true, force: true });
  mkdirSync(path.join(scratch.path, 'imported'));
});
afterAll(() => {
  scratch.remove();
});

const caFile = () => importedFile(scratch.path, material.external.old.spki);
const put = (...texts: string[]) => {
  writeFileSync(caFile(), texts.join(''));
};
const externalCa = (rest: Situation = {}): Promise<Seen> =>
  play(material, {
    who: 'ca',
    external: true,
    answer: new Error('it never signs itself'),
    ...rest,
    parts: { stateDirectory: scratch.path, ...rest.parts },
  });

describe('the answer of an outside CA, once it is imported', () => {
  it('is handed out, and published by the renewal master', async () => {
    put(pem(material.external.new.der), pem(material.root.der));
    const seen = await externalCa();
    expect(seen).toMatchObject({ exitCode: 0, handedOut: 'new', alarms: [] });
    expect(seen.published).toEqual([material.external.new]);
  });

  it('is kept for the other servers while the directory does not take it', async () => {
    put(pem(material.external.new.der), pem(material.root.der));
    const seen = await externalCa({ unpublishable: 'DIRECTORY_UNAVAILABLE' });
    expect(seen).toMatchObject({ exitCode: 5, code: 'DIRECTORY_UNAVAILABLE' });
    expect(seen.cookie).toContain('store:');
  });

  it('that could not be published is published and handed out though its file is gone', async () => {
    const cookie = writeCookie('ca', 'caCACert', { state: 'store', certificate: pem(material.external.new.der) });
    const seen = await externalCa({ variables: { CERTMONGER_OPERATION: 'POLL', CERTMONGER_CA_COOKIE: cookie } });
    expect(seen).toMatchObject({ exitCode: 0, handedOut: 'new' });
    expect(seen.published).toEqual([material.external.new]);
  });

  it('is handed out on a server that asks an outside CA for everything', async () => {
    writeFileSync(importedFile(scratch.path, material.old.server.spki), pem(material.new.server.der));
    expect(await play(material, { who: 'server', issuer: 'external', parts: { stateDirectory: scratch.path } })).toMatchObject({
      exitCode: 0,
      handedOut: 'new',
    });
  });

  it("goes before a CA's own signature, unless it is told to sign itself", async () => {
    put(pem(material.external.new.der), pem(material.root.der));
    expect(await play(material, { who: 'ca', parts: { stateDirectory: scratch.path } })).toMatchObject({
      exitCode: 0,
      handedOut: 'other',
      asked: [],
    });
    expect(await play(material, { who: 'ca', flags: { forceSelfSigned: true }, parts: { stateDirectory: scratch.path } })).toMatchObject({
      exitCode: 0,
      handedOut: 'new',
    });
  });

  it('is not handed out again as new once it is the one that is there', async () => {
    put(pem(material.external.old.der), pem(material.root.der));
    expect(await externalCa()).toMatchObject({ exitCode: 2, code: 'ISSUER_EXTERNAL', handedOut: undefined });
  });
});

describe('what was imported and is not right is not handed out', () => {
  it.each<[string, () => void, number, RegExp]>([
    ['nothing', () => undefined, 2, /no answer of that CA has been imported/u],
    [
      'without the CA that signed it',
      () => {
        put(pem(material.foreign.ocsp.der));
      },
      2,
      /its key is not the key of the request/u,
    ],
    [
      'an empty file',
      () => {
        put('');
      },
      2,
      /holds no certificate/u,
    ],
    [
      'text',
      () => {
        put('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
      },
      2,
      /imported/u,
    ],
    [
      'a link',
      () => {
        symlinkSync('/etc/hostname', caFile());
      },
      5,
      /^60$/u,
    ],
    [
      'a directory',
      () => {
        mkdirSync(caFile());
      },
      5,
      /^60$/u,
    ],
  ])('%s', async (_what, make, exitCode, firstLine) => {
    make();
    const seen = await externalCa();
    expect(seen.exitCode).toBe(exitCode);
    expect(seen.firstLine).toMatch(firstLine);
    expect(seen.published).toEqual([]);
  });

  it('an unreadable one keeps a CA that signs itself from nothing', async () => {
    put('nonsense');
    chmodSync(caFile(), 0o600);
    expect(await play(material, { who: 'ca', parts: { stateDirectory: scratch.path } })).toMatchObject({ exitCode: 0, handedOut: 'new' });
  });
});
