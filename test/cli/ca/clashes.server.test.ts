/** What another instance of the host has, or is to have, is refused before a key is made or a certificate signed. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hsmonger } from '../site.js';
import { layGround, type Ground } from './ground.js';

let ground: Ground;
beforeAll(async () => {
  ground = await layGround();
  await done('ca', 'init-root', '--instance', 'root', ...ground.onToken, '--subject', 'CN=Root', '--key-type', 'P-256');
  // Planned: nothing of it is on the token yet.
  const root = readFileSync(path.join(ground.config, 'root.toml'), 'utf8');
  writeFileSync(
    path.join(ground.config, 'planned.toml'),
    `${root.replaceAll('"root"', '"planned ca"')}\n[[certificate]]\nnickname = "planned server"\nprofile = "caServerCert"\n`,
  );
  await done(
    'ca',
    'csr',
    '--instance',
    'applicant',
    ...ground.onToken,
    '--subject',
    'CN=Applicant',
    '--key-type',
    'P-256',
    '--out',
    path.join(ground.directory, 'applicant.csr'),
  );
});
afterAll(() => ground.remove());

async function done(...command: string[]): Promise<void> {
  const said = await hsmonger(...command, ...ground.here);
  expect(said.exitCode, said.err).toBe(0);
}

const issued = async () => (await hsmonger('ca', 'list', '--json', '--instance', 'root', ...ground.here)).out;

it.each([
  [
    'a nickname another instance is to have',
    ['ca', 'init-root', '--instance', 'new', '--nickname', 'planned server', '--subject', 'CN=New', '--key-type', 'P-256'],
    /'planned server' on the token 'pki' belongs to instance 'planned'/u,
    true,
  ],
  [
    'the CA another instance is to have',
    ['ca', 'init-root', '--instance', 'new', '--nickname', 'planned ca', '--subject', 'CN=New', '--key-type', 'P-256'],
    /belongs to instance 'planned'/u,
    true,
  ],
  [
    'a subject another CA has asked for',
    ['ca', 'init-root', '--instance', 'new', '--subject', 'CN=Applicant', '--key-type', 'P-256'],
    /'applicant' .* has asked for a certificate for CN=Applicant/u,
    true,
  ],
  [
    'the same of a request',
    ['ca', 'csr', '--instance', 'new', '--subject', 'CN=Applicant', '--key-type', 'P-256'],
    /has asked for a certificate/u,
    true,
  ],
  [
    'the same of an intermediate',
    ['ca', 'init-intermediate', '--instance', 'new', '--issuer', 'root', '--subject', 'CN=Applicant', '--key-type', 'P-256'],
    /has asked for a certificate/u,
    false,
  ],
  [
    'a nickname for an intermediate',
    [
      'ca',
      'init-intermediate',
      '--instance',
      'new',
      '--issuer',
      'root',
      '--nickname',
      'planned server',
      '--subject',
      'CN=New',
      '--key-type',
      'P-256',
    ],
    /belongs to instance 'planned'/u,
    false,
  ],
  [
    'one the CA above has for something else',
    [
      'ca',
      'init-intermediate',
      '--instance',
      'new',
      '--issuer',
      'planned',
      '--nickname',
      'planned server',
      '--subject',
      'CN=New',
      '--key-type',
      'P-256',
    ],
    /has a certificate 'planned server' already, of profile caServerCert/u,
    false,
  ],
  [
    'a nickname for a certificate',
    ['ca', 'issue', '--instance', 'root', '--nickname', 'planned server', '--subject', 'CN=www', '--key-type', 'P-256'],
    /belongs to instance 'planned'/u,
    false,
  ],
  [
    'a subject for a certificate',
    ['ca', 'issue', '--instance', 'root', '--nickname', 'www', '--subject', 'CN=Applicant', '--key-type', 'P-256'],
    /has asked for a certificate/u,
    false,
  ],
  [
    "a nickname of another subject's",
    ['ca', 'issue', '--instance', 'root', '--nickname', 'root', '--subject', 'CN=www', '--key-type', 'P-384'],
    /'root' on token 'pki' belongs to a certificate for another subject/u,
    false,
  ],
  [
    'a nickname certmonger loses',
    ['ca', 'issue', '--instance', 'root', '--nickname', 'a:b', '--subject', 'CN=www', '--key-type', 'P-256'],
    /cannot have the label 'a:b'/u,
    false,
  ],
] as const)('%s', async (_, command, why, flags) => {
  const before = [await ground.objects(), await issued(), readdirSync(ground.config)];
  const said = await hsmonger(...command, ...(flags ? ground.onToken : []), ...ground.here);
  expect(said.err).toMatch(why);
  expect(said.exitCode).toBeGreaterThan(0);
  expect([await ground.objects(), await issued(), readdirSync(ground.config)]).toEqual(before);
});

it('what the CA above would refuse leaves no key behind', async () => {
  await done(
    'ca',
    'init-root',
    '--instance',
    'flat',
    ...ground.onToken,
    '--subject',
    'CN=Flat',
    '--key-type',
    'P-256',
    '--path-length',
    '0',
    '--policy',
    'organizationName=supplied',
  );
  const before = await ground.objects();
  expect(
    await hsmonger(
      'ca',
      'init-intermediate',
      '--instance',
      'new',
      '--issuer',
      'flat',
      '--subject',
      'CN=New,O=New',
      '--key-type',
      'P-256',
      ...ground.here,
    ),
  ).toMatchObject({ exitCode: 1, err: expect.stringContaining('leaves no room for another') as string });
  expect(
    await hsmonger(
      'ca',
      'init-intermediate',
      '--instance',
      'new',
      '--issuer',
      'root',
      '--path-length',
      '3',
      '--days',
      '9',
      '--permit',
      'dns:a.test',
      '--subject',
      `CN=${'x'.repeat(65)}`,
      '--key-type',
      'P-256',
      ...ground.here,
    ),
  ).toMatchObject({ exitCode: 2 });
  expect(
    await hsmonger('ca', 'issue', '--instance', 'flat', '--nickname', 'www', '--subject', 'CN=www', '--key-type', 'P-256', ...ground.here),
  ).toMatchObject({ exitCode: 1, err: expect.stringContaining('has no organizationName') as string });
  expect(await ground.objects()).toEqual(before);
  expect(readdirSync(ground.config)).not.toContain('new.toml');
});

it('one that was revoked is not taken for the CA that is to be, nor its key certified again', async () => {
  const below = ['ca', 'init-intermediate', '--instance', 'below', '--issuer', 'root', '--subject', 'CN=Below', '--key-type', 'P-256'];
  await done(...below);
  const rows = JSON.parse(await issued()) as { serial: string; subject: string }[];
  const { serial } = rows.find(({ subject }) => subject === 'CN=Below')!;
  await done('ca', 'revoke', serial, '--instance', 'root', '--reason', 'certificateHold');
  const cure = `'hsmonger ca unrevoke ${serial}`;
  expect(await hsmonger(...below, ...ground.here)).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining(`${cure} --instance root' ends the hold`) as string,
  });
  expect(
    await hsmonger(
      'ca',
      'issue',
      '--instance',
      'root',
      '--nickname',
      'below again',
      '--subject',
      'CN=below-again',
      '--key',
      'below',
      ...ground.here,
    ),
  ).toMatchObject({ exitCode: 1, err: expect.stringContaining(`${cure}' ends the hold`) as string });
  await done('ca', 'revoke', serial, '--instance', 'root', '--reason', 'keyCompromise');
  expect(await hsmonger(...below, ...ground.here)).toMatchObject({
    exitCode: 1,
    err: expect.stringMatching(/was revoked by 'root' at .*keyCompromise/u) as string,
  });
  const before = await issued();
  expect(
    await hsmonger(
      'ca',
      'issue',
      '--instance',
      'root',
      '--nickname',
      'below again',
      '--subject',
      'CN=below-again',
      '--key',
      'below',
      ...ground.here,
    ),
  ).toMatchObject({ exitCode: 1, err: expect.stringContaining('gets no certificate any more') as string });
  expect(await issued()).toBe(before);
});

it('a subject counts as it is under the policy of the CA: asked again it is there already, its twin is refused before a key is made', async () => {
  const policy = ['organizationName=match', 'commonName=supplied'].flatMap((field) => ['--policy', field]);
  await done(
    ...['ca', 'init-root', '--instance', 'strict', '--subject', 'CN=Strict,O=My', '--key-type', 'P-256'],
    ...ground.onToken,
    ...policy,
  );
  const issue = (nickname: string, subject: string) =>
    hsmonger(
      ...['ca', 'issue', '--instance', 'strict', '--profile', 'client', '--nickname', nickname, '--subject', subject],
      ...['--key-type', 'P-256', ...ground.here],
    );
  expect(await issue('picky', 'CN=picky,OU=one,O=My')).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/^picky: CN=picky,O=My, .*; key made/u) as string,
  });
  expect(await issue('picky', 'CN=picky,OU=one,O=My')).toMatchObject({
    exitCode: 0,
    out: expect.stringContaining('; key there already, certificate on the token already') as string,
  });
  const below = [
    ...['ca', 'init-intermediate', '--instance', 'picked', '--issuer', 'strict', '--subject', 'CN=Picked,OU=one,O=My'],
    ...['--key-type', 'P-256', ...ground.here],
  ];
  expect(await hsmonger(...below)).toMatchObject({ exitCode: 0, out: expect.stringContaining('made the CA') as string });
  const list = async () => (await hsmonger('ca', 'list', '--json', '--instance', 'strict', ...ground.here)).out;
  const before = [await ground.objects(), await list()];
  expect(await hsmonger(...below)).toMatchObject({ exitCode: 0, out: expect.stringContaining('nothing was changed') as string });
  // As one that was killed after it had stored the certificate leaves it.
  rmSync(path.join(ground.config, 'picked.toml'));
  expect(await hsmonger(...below)).toMatchObject({ exitCode: 0, out: expect.not.stringContaining('made the') as string });
  expect(await issue('twin', 'CN=picky,OU=two,O=My')).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining("The certificate 'picky' on token 'pki' has the subject CN=picky,O=My already") as string,
  });
  expect([await ground.objects(), await list()]).toEqual(before);
});
