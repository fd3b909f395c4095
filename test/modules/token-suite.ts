import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { ownFile, securityOfficerPin, type MakeRig } from '../rig/modules/rig.js';
import type { RawKeyType } from '../rig/modules/raw-keys.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { certificateFor, publicKeyOf, useCommands } from './commands.js';

export interface ExpectedOfToken {
  readonly make: MakeRig;
  /** What keygen is asked for and makes; of the others it says that the token lists nothing for them. */
  readonly makes: readonly RawKeyType[];
  /** What keygen is not asked for: a failure would be in the way of everything behind it. */
  readonly spared?: readonly RawKeyType[];
  /** Whether the module has a blank token to be made, or what is said. */
  readonly init: 'made' | RegExp;
  readonly moveId: 'moved' | 'refused';
  /** Whether the module has room for every key in one process. */
  readonly room?: false;
}

interface Key {
  readonly label: string;
  readonly id: string;
  readonly kind: 'private' | 'public';
  readonly uri: string;
}

const types: readonly RawKeyType[] = ['rsa:2048', 'rsa:3072', 'P-256', 'P-384', 'P-521', 'Ed25519'];

/** Every `token` command on every module; what a module cannot is said in a sentence. */
export function tokenSuite({ make, makes, spared = [], init, moveId, room }: ExpectedOfToken): void {
  const { rig, at, module, token, said, told, does } = useCommands(make);
  let made: Key;
  let spki: string;

  beforeAll(async () => {
    made = (await told('token', 'keygen', '--type', 'P-256', '--label', 'tried', ...token())) as Key;
    spki = await publicKeyOf(rig(), at, 'tried');
  });

  it('check: every key signs, and the exit status says so', async () => {
    const { keys } = (await told('token', 'check', ...token())) as { keys: unknown[] };
    expect(keys).toEqual([expect.objectContaining({ label: 'tried', type: 'EC', ok: true, sensitive: true, extractable: false })]);
  });

  it('keys: by label, CKA_ID and URI', async () => {
    for (const selector of [made.label, made.id, made.uri]) {
      const [found] = (await told('token', 'keys', selector, ...token())) as Key[];
      expect(found, selector).toMatchObject({ label: 'tried', id: made.id });
    }
    expect(await does('token', 'keys', 'nobody', ...token())).toMatchObject({
      exitCode: 1,
      err: expect.stringMatching(/'nobody' names no key on token/u) as string,
    });
  });

  it('import-cert, export-cert and prune: a certificate beside its key, and the one it supersedes off the token', async () => {
    const first = certificateFor(at, spki, 'first', '/O=Modules/CN=tried', 30);
    await said('token', 'import-cert', first, '--label', 'certified', ...token());
    const text = await said('token', 'export-cert', 'certified', ...token());
    expect(text.trim()).toBe(readFileSync(first, 'utf8').trim());
    const [key] = (await told('token', 'keys', 'tried', ...token())) as { certificates: string[] }[];
    expect(key!.certificates).toEqual(['certified']);
    // Superseded is what another begins later than, in whole seconds.
    await sleep(1000);
    const second = certificateFor(at, spki, 'second', '/O=Modules/CN=tried', 60);
    await said('token', 'import-cert', second, ...token());
    expect(await told('token', 'prune', ...token())).toEqual([
      expect.objectContaining({ label: 'certified', outcome: 'would be removed' }),
    ]);
    expect(await told('token', 'prune', '--yes', ...token())).toEqual([
      expect.objectContaining({ label: 'certified', outcome: 'removed' }),
    ]);
    expect((await said('token', 'export-cert', made.id, ...token())).trim()).toBe(readFileSync(second, 'utf8').trim());
    expect(await told('token', 'prune', ...token())).toEqual([]);
  });

  it(`move-id: ${moveId}`, async () => {
    await said('token', 'keygen', '--type', 'P-256', '--label', 'odd', '--id', 'f00d', ...token());
    const { exitCode, out } = await does('token', 'move-id', 'f00d', ...token());
    const [key] = (await told('token', 'keys', 'odd', ...token())) as Key[];
    if (moveId === 'moved') {
      expect(out).toMatch(/have the CKA_ID that NSS looks for/u);
      expect(key!.id).toHaveLength(40);
    } else {
      expect({ exitCode, out }).toEqual({
        exitCode: 1,
        out: expect.stringMatching(/the token lets no CKA_ID be changed, and all is as it was/u) as string,
      });
      expect(key!.id).toBe('f00d');
    }
  });

  it.each(types.filter((type) => !spared.includes(type)))('keygen: %s, or that the token lists nothing for it', async (type) => {
    const label = `own ${type.replace(':', ' ')}`;
    const { exitCode, out, err } = await does('token', 'keygen', '--type', type, '--label', label, '--json', ...token());
    if (makes.includes(type))
      expect(JSON.parse(exitCode === 0 ? out : JSON.stringify(err))).toMatchObject({ label, sensitive: true, extractable: false });
    else
      expect({ exitCode, err }).toEqual({
        exitCode: 1,
        err: expect.stringMatching(/^hsmonger: (?:Token '.*' lists no CKM_\w+, so it makes no|Making a key .*) .*[.]$/mu) as string,
      });
  });

  if (room !== false) {
    it('check: every key of every type signs', async () => {
      const { keys } = (await told('token', 'check', ...token())) as { keys: { ok: boolean }[] };
      expect(keys.map(({ ok }) => ok)).toEqual(Array.from({ length: makes.length + 2 }, () => true));
    });
  }

  describe('init', () => {
    it(init === 'made' ? 'makes a blank token, which takes a key' : 'says that there is no blank token', async () => {
      const account = ensureServiceUser();
      const place = { directory: at(''), owner: account };
      const [soPin, pin] = [ownFile(place, 'so.pin', securityOfficerPin), ownFile(place, 'second.pin', 'another-pin-99')];
      const { exitCode, out, err } = await does(
        'token',
        'init',
        ...module(),
        '--token',
        'second',
        '--so-pin-file',
        soPin,
        '--pin-file',
        pin,
      );
      if (init !== 'made') {
        expect({ exitCode, err }).toEqual({ exitCode: 1, err: expect.stringMatching(init) as string });
        return;
      }
      expect({ exitCode, err, out }).toMatchObject({
        exitCode: 0,
        out: expect.stringMatching(/^Token 'second' in slot \w+ is ready\.$/mu) as string,
      });
      await said('token', 'keygen', '--type', 'P-256', '--label', 'first', ...module(), '--token', 'second', '--pin-file', pin);
    });
  });
}
