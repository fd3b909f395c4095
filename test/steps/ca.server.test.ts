/**
 * What a CA does, killed, unplugged or without room at each of its steps: the next run finishes it, nothing is issued that the ledger does
 * not know, and no number is used twice.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { differing, ended, idsUnlessTold, inLedger, layStepGround, ledger, onToken, openssl, type StepGround } from './ground.js';

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
const known = async (certificate: string) => {
  const serial = BigInt(`0x${openssl('x509', '-in', file(certificate), '-noout', '-serial').replace('serial=', '')}`);
  return (await ledger(ground)).some((row) => BigInt(`0x${row.serial}`) === serial) ? [] : [`${certificate} is not in the ledger`];
};

it('issue for a request', async () => {
  await ground.ok(...ground.initRoot);
  const request = ground.request('s');
  const { faults } = await ground.disturb(
    ['ca', 'issue', '--instance', 'a', ...ground.here, '--in', request, '--out', file('s.crt')],
    async (second) => [...ended(second), ...(await inLedger(ground, 2)), ...(await known('s.crt'))],
  );
  expect(faults).toEqual([]);
}, 1_800_000);

it('issue for a fresh key on the token', async () => {
  await ground.ok(...ground.initRoot);
  const { faults } = await ground.disturb(
    [
      'ca',
      'issue',
      '--instance',
      'a',
      ...ground.here,
      '--profile',
      'ocsp',
      '--subject',
      'CN=OCSP',
      '--key-type',
      'P-256',
      '--nickname',
      'ocsp',
      '--out',
      file('o.crt'),
    ],
    async (second) => [
      ...ended(second),
      ...(await onToken(ground, 'Certificate a', 'Certificate ocsp', 'Private a', 'Private ocsp', 'Public a', 'Public ocsp')),
      ...(await inLedger(ground, 2)),
      ...(await known('o.crt')),
      ...idsUnlessTold(
        (await ground.objects()).filter((object) => object.includes(' ocsp ')),
        second.err,
      ),
    ],
  );
  expect(faults).toEqual([]);
}, 1_800_000);

it('crl: each published one has a number above the one before', async () => {
  await ground.ok(...ground.initRoot);
  const command = ['ca', 'crl', '--instance', 'a', ...ground.here, '--out', file('a.crl')];
  await ground.ok(...command);
  const { faults } = await ground.disturb(command, (second) => {
    const number = Number(openssl('crl', '-inform', 'DER', '-in', file('a.crl'), '-noout', '-crlnumber').replace('crlNumber=', ''));
    const said = Number(/CRL (\d+) of/u.exec(second.out)?.[1]);
    return [
      ...ended(second),
      ...differing('the published number', number, said),
      ...([2, 3].includes(number) ? [] : [`the number is ${String(number)}`]),
    ];
  });
  expect(faults).toEqual([]);
}, 1_800_000);

it('revoke, and unrevoke', async () => {
  await ground.ok(...ground.initRoot);
  await ground.ok('ca', 'issue', '--instance', 'a', ...ground.here, '--in', ground.request('s'), '--out', file('s.crt'));
  const revoked = async (count: number) =>
    differing('the number of revoked certificates', (await ledger(ground, '--revoked')).length, count);
  const hold = ['ca', 'revoke', file('s.crt'), '--instance', 'a', ...ground.here, '--reason', 'certificateHold'];
  expect((await ground.disturb(hold, async () => revoked(1))).faults).toEqual([]);
  await ground.ok(...hold);
  expect(
    (await ground.disturb(['ca', 'unrevoke', file('s.crt'), '--instance', 'a', ...ground.here], async () => revoked(0))).faults,
  ).toEqual([]);
}, 1_800_000);

it('export-openssl: the directory is whole, or is completed by the next run', async () => {
  await ground.ok(...ground.initRoot);
  const names = ['ca.pem', 'crlnumber', 'index.txt', 'index.txt.attr', 'newcerts', 'serial'];
  const { trials, faults } = await ground.disturb(['ca', 'export-openssl', file('moved'), '--instance', 'a', ...ground.here], (second) => [
    // Killed when it was whole, it is another CA's from then on.
    ...(second.err.includes('is not empty') ? [] : ended(second)),
    ...differing(
      'the files',
      ground
        .below('moved')
        .filter((name) => !name.startsWith('newcerts/') && name !== '.hsmonger-export')
        .sort(),
      names,
    ),
    ...differing('the lines of the index', readFileSync(file('moved/index.txt'), 'utf8').split('\n').length, 2),
    ...differing('the certificates', ground.below('moved/newcerts').length, 1),
  ]);
  expect(faults).toEqual([]);
  expect(trials).toBeGreaterThan(20);
}, 1_800_000);
