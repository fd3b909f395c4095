/** What makes a CA, killed, unplugged or without room at each of its steps: the next run finishes it, with one key and one certificate. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { differing, ended, idsUnlessTold, inLedger, layStepGround, onToken, openssl, type StepGround } from './ground.js';

let ground: StepGround;
beforeAll(async () => {
  ground = await layStepGround();
});
afterAll(() => {
  ground.remove();
});
afterEach(() => {
  ground.anew();
});

const file = (name: string) => path.join(ground.directory, name);

it('init-root', async () => {
  const { trials, faults } = await ground.disturb(ground.initRoot, async (second) => [
    ...ended(second),
    ...(await onToken(ground, 'Certificate a', 'Private a', 'Public a')),
    ...(await inLedger(ground, 1)),
    ...idsUnlessTold(await ground.objects(), second.err),
  ]);
  expect(faults).toEqual([]);
  expect(trials).toBeGreaterThan(30);
}, 1_800_000);

it('init-intermediate', async () => {
  await ground.ok(...ground.initRoot);
  const { faults } = await ground.disturb(
    ['ca', 'init-intermediate', '--instance', 'b', '--issuer', 'a', ...ground.here, '--subject', 'CN=Below', '--key-type', 'P-256'],
    async (second) => [
      ...ended(second),
      ...(await onToken(ground, 'Certificate a', 'Certificate b', 'Private a', 'Private b', 'Public a', 'Public b')),
      ...(await inLedger(ground, 2)),
      ...differing(
        'how often its renewal is ordered',
        (readFileSync(file('etc/a.toml'), 'utf8').match(/nickname = "b"/gu) ?? []).length,
        1,
      ),
    ],
  );
  expect(faults).toEqual([]);
}, 1_800_000);

it('csr for a CA elsewhere, and import of its answer', async () => {
  const request = file('c.csr');
  const command = [
    'ca',
    'csr',
    '--instance',
    'c',
    ...ground.here,
    ...ground.onCounted,
    '--subject',
    'CN=Out',
    '--key-type',
    'P-256',
    '--out',
    request,
  ];
  const { faults } = await ground.disturb(command, async (second) => [
    ...ended(second),
    ...(await onToken(ground, 'Private c', 'Public c')),
    ...differing('instance files', ground.below('etc').filter((name) => name === 'c.toml').length, 1),
    ...(openssl('req', '-in', request, '-noout', '-verify', '-subject').includes('Out') ? [] : ['the request is not whole']),
  ]);
  expect(faults).toEqual([]);

  await ground.ok(...command);
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    file('o.key'),
    '-out',
    file('o.pem'),
    '-subj',
    '/CN=outside',
    '-days',
    '4000',
  );
  writeFileSync(
    file('extensions'),
    'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign,digitalSignature\nsubjectKeyIdentifier=hash\n',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    request,
    '-CA',
    file('o.pem'),
    '-CAkey',
    file('o.key'),
    '-extfile',
    file('extensions'),
    '-days',
    '900',
    '-out',
    file('c.pem'),
  );
  const imported = await ground.disturb(
    ['ca', 'import', file('c.pem'), file('o.pem'), '--instance', 'c', ...ground.here],
    async (second) => [
      ...(second.exitCode === 0 || /there already|already/u.test(second.err) ? [] : ended(second)),
      ...(await onToken(ground, 'Certificate c', 'Certificate outside', 'Private c', 'Public c')),
    ],
  );
  expect(imported.faults).toEqual([]);
}, 1_800_000);
