/**
 * What changes a token, killed, unplugged or without room at each of its steps: the next run finishes it, or says what to do, and that
 * helps.
 */
import { execFileSync } from 'node:child_process';
import { chownSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { differing, ended, layStepGround, type StepGround } from './ground.js';

let ground: StepGround;
let flags: readonly string[];
beforeAll(async () => {
  ground = await layStepGround();
  flags = [...ground.onCounted, ...ground.here];
});
afterAll(() => {
  ground.remove();
});
afterEach(() => {
  ground.anew();
});

const own = (name: string, content: string) => {
  const file = path.join(ground.directory, name);
  writeFileSync(file, content, { mode: 0o600 });
  chownSync(file, ground.owner.uid, ground.owner.gid);
  return file;
};
const ids = async () => [...new Set((await ground.objects()).map((object) => object.split(' ')[2]))];

it('keygen makes one pair, and where it was not finished says how', async () => {
  const { trials, faults } = await ground.disturb(
    ['token', 'keygen', '--type', 'P-256', '--label', 'k', ...flags],
    async ({ exitCode, err }) => {
      const told =
        exitCode === 0
          ? []
          : /There is a private key with the label 'k' .* already, EC 256 with CKA_ID .*; use it, or/u.test(err)
            ? []
            : ['it does not say what is there'];
      const [, command] = /'hsmonger (token move-id [0-9a-f]+)'/u.exec(err) ?? [];
      const before = (await ids()).length;
      if (command !== undefined) await ground.ok(...command.split(' '), ...flags);
      const nss = (await ground.ok('token', 'move-id', 'k', ...flags)).out.includes('already') ? [] : ['move-id was needed and not named'];
      return [
        ...told,
        ...nss,
        ...(command === undefined ? differing('the number of CKA_IDs', before, 1) : []),
        ...differing('what is on the token', await ground.names(), ['Private k', 'Public k']),
        ...differing('the number of CKA_IDs in the end', (await ids()).length, 1),
      ];
    },
  );
  expect(faults).toEqual([]);
  expect(trials).toBeGreaterThan(15);
}, 1_800_000);

it('move-id moves all of a key or is finished', async () => {
  await ground.ok('token', 'keygen', '--type', 'P-256', '--label', 'k', '--id', 'f001', ...flags);
  const { faults } = await ground.disturb(['token', 'move-id', 'k', ...flags], async (second) => [
    ...ended(second),
    ...differing('the number of CKA_IDs', (await ids()).length, 1),
    ...((await ids()).includes('f001') ? ['it has the old one'] : []),
    ...differing(
      'journals',
      ground.below('state').filter((name) => name.endsWith('/move-id.json')),
      [],
    ),
  ]);
  expect(faults).toEqual([]);
}, 1_800_000);

it('import-cert stores a certificate once', async () => {
  await ground.ok(
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
    path.join(ground.directory, 'c.csr'),
  );
  const [key, ca, answer] = ['o.key', 'o.pem', 'c.pem'].map((name) => path.join(ground.directory, name)) as [string, string, string];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', ca, '-subj', '/CN=outside'], {
    stdio: 'ignore',
  });
  execFileSync(
    'openssl',
    ['x509', '-req', '-in', path.join(ground.directory, 'c.csr'), '-CA', ca, '-CAkey', key, '-days', '900', '-out', answer],
    { stdio: 'ignore' },
  );
  const { faults } = await ground.disturb(['token', 'import-cert', answer, ...flags], async (second) => [
    ...ended(second),
    ...differing('what is on the token', await ground.names(), ['Certificate c', 'Private c', 'Public c']),
  ]);
  expect(faults).toEqual([]);
}, 1_800_000);

it('prune removes what it has archived, and no key', async () => {
  await ground.ok(...ground.initRoot);
  for (const days of ['20', '40']) {
    // What takes another's place began after it, by at least a second: that is all a date can tell.
    if (days === '40') await sleep(1000);
    await ground.ok(
      'ca',
      'issue',
      '--instance',
      'a',
      ...ground.here,
      '--profile',
      'ocsp',
      '--subject',
      'CN=OCSP',
      ...(days === '20' ? ['--key-type', 'P-256'] : ['--key', 'ocsp']),
      '--nickname',
      'ocsp',
      '--days',
      days,
    );
  }
  expect((await ground.names()).filter((name) => name === 'Certificate ocsp')).toHaveLength(2);
  const { faults } = await ground.disturb(['token', 'prune', '--yes', '--instance', 'a', ...ground.here], async (second) => [
    ...ended(second),
    ...differing('what is on the token', await ground.names(), [
      'Certificate a',
      'Certificate ocsp',
      'Private a',
      'Private ocsp',
      'Public a',
      'Public ocsp',
    ]),
    ...differing('the archive', ground.below('state/a/superseded').filter((name) => name.endsWith('.pem')).length, 1),
  ]);
  expect(faults).toEqual([]);
}, 1_800_000);

it('init makes one token with a PIN, or says how to begin again', async () => {
  const [so, user] = [own('so', 'so-pin-5678\n'), own('user', 'user-pin-1234\n')];
  const command = [
    'token',
    'init',
    '--module',
    ground.steps.module,
    '--token',
    'fresh',
    '--so-pin-file',
    so,
    '--pin-file',
    user,
    '--module-env',
    `SOFTHSM2_CONF=${ground.token.confFile}`,
    ...ground.here,
  ];
  const { faults } = await ground.disturb(command, async ({ exitCode, err }) => {
    // The PIN's source was tried by a process that was killed: it has to be written anew.
    if (exitCode !== 0 && err.includes('gave no answer at')) own('so', 'so-pin-5678\n');
    const [, slot] = /--slot (0x[0-9a-f]+) --erase 'fresh'/u.exec(err) ?? [];
    const complete = exitCode === 0 || err.includes("which has a user's PIN");
    const again = complete
      ? undefined
      : await ground.steps.run([...command, ...(slot === undefined ? [] : ['--slot', slot, '--erase', 'fresh'])]);
    const slots = execFileSync('softhsm2-util', ['--show-slots'], {
      env: { ...process.env, SOFTHSM2_CONF: ground.token.confFile },
    }).toString();
    const fresh = slots.split(/^Slot /mu).filter((slot) => /Label: +fresh/u.test(slot));
    return [
      ...(complete || again?.exitCode === 0 ? [] : [`what it says does not help: ${again?.err ?? ''}`]),
      ...differing('the tokens of that name', fresh.length, 1),
      ...(fresh.some((slot) => /User PIN init\.: +yes/u.test(slot)) ? [] : ['it has no PIN']),
    ];
  });
  expect(faults).toEqual([]);
}, 1_800_000);
