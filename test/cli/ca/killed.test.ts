/**
 * kill -9 of `ca init-root` and `ca init-intermediate`, their workers with them, at moments all over their run: the next run finishes, with
 * one key and one certificate for each.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { installation } from '../../../src/platform/installation.js';
import { killFamily } from '../../rig/prey.js';
import { layGround, type Ground } from './ground.js';
import { hsmonger } from '../site.js';

let ground: Ground;
beforeAll(async () => {
  ground = await layGround();
});
afterAll(() => ground.remove());

/** Starts the command in a group of its own and kills all of it after so many milliseconds; true when it had ended before. */
async function endedWithin(ms: number, args: readonly string[]): Promise<boolean> {
  const child = spawn(path.join(installation().executables, 'hsmonger'), args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', resolve);
  });
  const first = await Promise.race([ended, sleep(ms).then(() => 'late' as const)]);
  if (first === 'late') {
    killFamily(child.pid!);
    await ended;
    return false;
  }
  if (first !== 0 && said.includes('gave no answer at')) {
    // Killed in the middle of a login: nobody knows what the token made of it, until the PIN is written anew.
    writeFileSync(ground.token.pinFile, `${ground.token.pin}\n`);
    return false;
  }
  expect(first, said).toBe(0);
  return true;
}

it('leaves nothing that the next run does not finish', async () => {
  const root = (name: string) => [
    'ca',
    'init-root',
    '--instance',
    name,
    ...ground.here,
    ...ground.onToken,
    '--subject',
    `CN=Root ${name}`,
    '--key-type',
    'P-256',
  ];
  const below = (name: string) => [
    'ca',
    'init-intermediate',
    '--instance',
    `${name}-below`,
    '--issuer',
    name,
    ...ground.here,
    '--subject',
    `CN=Below ${name}`,
    '--key-type',
    'P-256',
  ];
  let killed = 0;
  for (const command of [root('a'), below('a')]) {
    for (let ms = 60; !(await endedWithin(ms, command)); ms *= 1.4) killed += 1;
    const said = await hsmonger(...command);
    expect(said.exitCode, said.err).toBe(0);
    expect(said.out).toContain('nothing was changed');
  }
  expect(killed).toBeGreaterThan(2);
  // Not the public keys: SoftHSM killed inside C_GenerateKeyPair may have written the first of the two objects, which is of no use to
  // anybody.
  const objects = (await ground.objects())
    .map((object) => object.split(' ').slice(0, 2).join(' '))
    .filter((object) => !object.startsWith('Public'));
  expect(objects).toEqual(['Certificate a', 'Certificate a-below', 'Private a', 'Private a-below']);
  const rows = JSON.parse((await hsmonger('ca', 'list', '--json', '--instance', 'a', ...ground.here)).out) as unknown[];
  expect(rows).toHaveLength(2);
}, 120_000);
