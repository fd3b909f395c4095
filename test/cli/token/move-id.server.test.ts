import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createObstinateModule } from '../../rig/obstinate-module.js';
import { listedObjects } from '../../rig/pkcs11-listing.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { hsmonger } from '../site.js';
import { tokenSite, type TokenSite } from './site.js';

let site: TokenSite;
let obstinate: string;

beforeAll(async () => {
  site = await tokenSite();
  obstinate = createObstinateModule(site.directory, site.token.module);
});

afterAll(() => {
  site.remove();
});

describe('move-id', () => {
  let number = 0;

  async function foreign(): Promise<{ readonly id: string; readonly nss: string; readonly label: string }> {
    number += 1;
    const [label, id] = [`foreign ${String(number)}`, `f0${String(number).padStart(2, '0')}`];
    const { nssId } = await site.made(label, '--id', id);
    await site.ok(
      'import-cert',
      site.certificateFor(await site.spkiOf(id), label.replace(' ', '-'), `/CN=${label}`, '-days', '10'),
      ...site.flags,
    );
    return { id, nss: nssId!, label };
  }

  const stateFile = () => path.join(site.directory, 'state', '.by-flags', ensureServiceUser().name, 'move-id.json');

  /** CKA_IDs of the three objects as pkcs11-tool reads them. */
  async function ids(label: string): Promise<string[]> {
    const objects = listedObjects(await site.pkcs11Tool('--list-objects')).filter((one) => one.label === label);
    return (['Private Key', 'Public Key', 'Certificate'] as const).flatMap((kind) =>
      objects.filter((one) => one.kind === kind).map(({ id }) => id),
    );
  }

  const through = (module: string, ...env: string[]) => [
    '--module',
    module,
    '--token',
    site.token.label,
    '--pin-file',
    site.token.pinFile,
    ...site.here,
    ...env.flatMap((one) => ['--module-env', one]),
  ];

  test('gives key, public key and certificate the id NSS computes, and says so the second time', async () => {
    const { id, nss, label } = await foreign();
    expect((await site.ok('move-id', id, ...site.flags)).out).toContain(nss);
    expect(await ids(label)).toEqual([nss, nss, nss]);
    expect((await site.ok('move-id', label, ...site.flags)).out).toContain('already');
    expect(existsSync(stateFile())).toBe(false);
  });

  test.each([
    ['OBSTINATE_KILL_BEFORE', 1, 0],
    ['OBSTINATE_KILL_AFTER', 1, 1],
    ['OBSTINATE_KILL_AFTER', 2, 2],
    ['OBSTINATE_KILL_AFTER', 3, 3],
  ])('killed, %s=%i, it is finished by the next run', async (variable, at, changed) => {
    const { id, nss, label } = await foreign();
    const killed = await hsmonger('token', 'move-id', id, ...through(obstinate, `${variable}=${String(at)}`));
    expect(killed.exitCode).toBe(1);
    expect((await ids(label)).filter((one) => one === nss)).toHaveLength(changed);
    expect(existsSync(stateFile())).toBe(true);
    expect((await site.ok('move-id', id, ...site.flags)).out).toContain(`from: ${id}\n  to:   ${nss}`);
    expect(await ids(label)).toEqual([nss, nss, nss]);
    expect(existsSync(stateFile())).toBe(false);
  });

  test('a run for another key finishes it too', async () => {
    const [first, second] = [await foreign(), await foreign()];
    await hsmonger('token', 'move-id', first.id, ...through(obstinate, 'OBSTINATE_KILL_AFTER=1'));
    await site.ok('move-id', second.id, ...site.flags);
    expect(await ids(first.label)).toEqual([first.nss, first.nss, first.nss]);
    expect(await ids(second.label)).toEqual([second.nss, second.nss, second.nss]);
  });

  test('where that key is gone, the run for another says what stands in its way, and that helps', async () => {
    const [gone, second] = [await foreign(), await foreign()];
    await hsmonger('token', 'move-id', gone.id, ...through(obstinate, 'OBSTINATE_KILL_BEFORE=1'));
    for (const type of ['privkey', 'pubkey']) await site.pkcs11Tool('--delete-object', '--type', type, '--id', gone.id);
    const said = await hsmonger('token', 'move-id', second.id, ...site.flags);
    expect(said.err).toMatch(new RegExp(`An earlier move, of the key that had CKA_ID ${gone.id}, .* remove ${stateFile()} and run`, 'u'));
    rmSync(stateFile());
    await site.ok('move-id', second.id, ...site.flags);
    expect(await ids(second.label)).toEqual([second.nss, second.nss, second.nss]);
  });

  test.each([1, 2, 3])('where the module refuses the change number %i, all is as it was', async (at) => {
    const { id, label } = await foreign();
    const said = await hsmonger('token', 'move-id', id, ...through(obstinate, `OBSTINATE_REFUSE=${String(at)}`));
    expect(said).toMatchObject({ exitCode: 1, out: expect.stringContaining('lets no CKA_ID be changed') as string });
    expect(await ids(label)).toEqual([id, id, id]);
    expect(existsSync(stateFile())).toBe(false);
  });

  test('is refused where something else has that id', async () => {
    const { id, nss, label } = await foreign();
    await site.made('squatter', '--id', nss);
    expect(await hsmonger('token', 'move-id', id, ...site.flags)).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining('Another private key') as string,
    });
    expect(await ids(label)).toEqual([id, id, id]);
    expect(existsSync(stateFile())).toBe(false);
  });

  // On a curve the first change is the wish that the key never decrypts.
  test.each([
    ['rsa:2048', 1],
    ['P-256', 2],
  ])('keygen of %s on a module that lets no id be changed keeps the random one, and says so', async (type, at) => {
    const label = `fixed ${type.replace(':', ' ')}`;
    const said = await hsmonger(
      'token',
      'keygen',
      '--type',
      type,
      '--label',
      label,
      '--json',
      ...through(obstinate, `OBSTINATE_REFUSE=${String(at)}`),
    );
    expect(said).toMatchObject({ exitCode: 0, err: expect.stringContaining('lets no CKA_ID be changed') as string });
    const { id, nssId } = JSON.parse(said.out) as { id: string; nssId: string };
    expect(id).not.toBe(nssId);
    expect(await ids(label)).toEqual([id, id]);
  });
});
