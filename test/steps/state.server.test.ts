/**
 * backup and restore, killed or without room at each of their steps: no half archive, no half state, what was there is kept, and no CRL
 * number comes again.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { hsmonger } from '../cli/site.js';
import { differing, ended, layStepGround, type StepGround } from './ground.js';

let ground: StepGround;
let archive: string;
beforeAll(async () => {
  ground = await layStepGround();
  archive = path.join(ground.directory, 'keep', 'state.tar');
});
afterAll(() => {
  ground.remove();
});
afterEach(() => {
  ground.anew();
});

const crl = (...more: string[]) => ['ca', 'crl', '--instance', 'a', ...ground.here, ...more];
const issued = async () =>
  (JSON.parse((await hsmonger('ca', 'list', '--json', '--instance', 'a', ...ground.here)).out) as unknown[]).length;
const numberOf = (said: string) =>
  BigInt(execFileSync('openssl', ['crl', '-noout', '-crlnumber'], { input: said }).toString().trim().replace('crlNumber=', ''));

async function authority(): Promise<void> {
  await ground.ok(...ground.initRoot);
  await ground.ok(...crl());
  mkdirSync(path.dirname(archive));
}

it('backup', async () => {
  await authority();
  const { faults } = await ground.disturb(['backup', archive, ...ground.here], (second) => {
    const names = execFileSync('tar', ['--list', '--file', archive]).toString();
    return [
      ...(second.err.includes('is there already') ? [] : ended(second)),
      ...(names.includes('manifest.json') && names.includes('ledger.sqlite') ? [] : [`the archive holds ${names}`]),
      ...differing('what lies beside it', ground.below('keep'), ['state.tar']),
    ];
  });
  expect(faults).toEqual([]);
}, 1_800_000);

/** What a run that was killed has put in place is replaced only when that is said, and then kept aside. */
async function whole(second: { readonly exitCode: number | undefined; readonly err: string }, last: bigint): Promise<string[]> {
  const told = second.exitCode === 0 ? [] : second.err.includes('--replace a') ? [] : [`exit ${String(second.exitCode)}`];
  if (second.exitCode !== 0) await ground.ok('restore', archive, '--replace', 'a', ...ground.here);
  const next = numberOf((await ground.ok(...crl())).out);
  return [
    ...told,
    ...differing('the number of certificates', await issued(), 1),
    ...(next > last ? [] : [`CRL ${String(next)} comes after CRL ${String(last)}`]),
    ...differing(
      'what was begun',
      ground.below('state').filter((name) => name.startsWith('.restoring')),
      [],
    ),
  ];
}

it('restore where nothing is', async () => {
  await authority();
  await ground.ok('backup', archive, ...ground.here);
  for (const gone of ['etc/a.toml', 'state/a']) rmSync(path.join(ground.directory, gone), { recursive: true });
  const { faults } = await ground.disturb(['restore', archive, ...ground.here], (second) => whole(second, 1n));
  expect(faults).toEqual([]);
}, 1_800_000);

it('restore over what is there', async () => {
  await authority();
  await ground.ok('backup', archive, ...ground.here);
  // Issued and published since.
  await ground.ok(
    'ca',
    'issue',
    '--instance',
    'a',
    ...ground.here,
    '--in',
    ground.request('s'),
    '--out',
    path.join(ground.directory, 's.crt'),
  );
  const last = numberOf((await ground.ok(...crl())).out);
  const { faults } = await ground.disturb(['restore', archive, '--replace', 'a', ...ground.here], async (second) => [
    ...(await whole(second, last)),
    ...(ground.below('state').some((name) => /^\.replaced\.a\.[^/]+\/ledger\.sqlite$/u.test(name)) ? [] : ['what was there is not kept']),
  ]);
  expect(faults).toEqual([]);
}, 1_800_000);
