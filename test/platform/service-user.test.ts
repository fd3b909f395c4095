import { execFileSync, spawnSync } from 'node:child_process';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureServiceUser } from '../rig/service-user.js';

const module = path.resolve(import.meta.dirname, '../../src/platform/service-user.ts');

/** Runs a snippet in a process of its own: the drop is for good. */
function inProcess(
  snippet: string,
  options: { readonly uid?: number; readonly gid?: number } = {},
): { readonly value: unknown; readonly error: string } {
  const code = `import(${JSON.stringify(module)}).then(async (m) => { const v = await (async () => { ${snippet} })(); process.stdout.write(JSON.stringify(v)); }).catch((e) => { process.stderr.write(JSON.stringify({ code: e.code, message: e.message })); process.exit(1); });`;
  const child = spawnSync(process.execPath, ['--import', 'tsx', '-e', code], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: '/root', TSX_DISABLE_CACHE: '1' },
    ...options,
  });
  return { value: child.stdout === '' ? undefined : JSON.parse(child.stdout), error: child.stderr };
}

beforeAll(() => {
  ensureServiceUser();
});

describe('the drop to the service user', () => {
  it('takes uid, gid, supplementary groups, HOME and umask, and cannot be taken back', () => {
    const { value, error } = inProcess(`
      const account = m.dropTo('pkiuser');
      const denied = [() => process.setuid(0), () => process.seteuid(0), () => process.setgid(0), () => process.setgroups([0])].map((f) => { try { f(); return 'regained'; } catch (e) { return e.code; } });
      return { account, ids: [process.getuid(), process.geteuid(), process.getgid(), process.getegid()], groups: process.getgroups(), home: process.env.HOME, umask: process.umask(), denied };
    `);
    expect(error).toBe('');
    const id = (flag: string) => execFileSync('id', [flag, 'pkiuser'], { encoding: 'utf8' }).trim();
    const uid = Number(id('-u'));
    const gid = Number(id('-g'));
    const result = value as { account: { home: string }; ids: number[]; groups: number[]; home: string; umask: number; denied: string[] };
    expect(result.ids).toEqual([uid, uid, gid, gid]);
    expect([...new Set(result.groups)].sort()).toEqual(id('-G').split(' ').map(Number).sort());
    expect(result.home).toBe(result.account.home);
    expect(result.umask).toBe(0o077);
    expect(result.denied).toEqual(['EPERM', 'EPERM', 'EPERM', 'EPERM']);
  });

  it('says which user is missing', () => {
    const { error } = inProcess(`m.dropTo('no-such-user-here')`);
    expect(JSON.parse(error)).toMatchObject({
      code: 'USER_MISSING',
      message: expect.stringContaining("'no-such-user-here' does not exist") as string,
    });
  });

  it('is refused to a user that is root by another name', () => {
    const { error } = inProcess(`
      const { seteuid } = process;
      process.seteuid = (user) => seteuid(user === 'toor' ? 0 : user);
      m.dropTo('toor');
    `);
    expect(JSON.parse(error)).toMatchObject({
      code: 'NOT_PERMITTED',
      message: expect.stringMatching(/'toor' is 'root' \(uid 0\)/u) as string,
    });
  });

  it('takes the groups of the name asked for, where the uid has another name too', () => {
    const { value, error } = inProcess(`
      const { seteuid, initgroups } = process;
      const asked = [];
      process.seteuid = (user) => seteuid(user === 'alias' ? 'pkiuser' : user);
      process.initgroups = (user, group) => { asked.push(user); initgroups('pkiuser', group); };
      m.dropTo('alias');
      return asked;
    `);
    expect(error).toBe('');
    expect(value).toEqual(['alias']);
  });

  it('is refused to another user than root, naming both', () => {
    const { error } = inProcess(`m.dropTo('pkiuser')`, { uid: 65534, gid: 65534 });
    expect(JSON.parse(error)).toMatchObject({
      code: 'NOT_PERMITTED',
      message: expect.stringMatching(/'pkiuser'.*'nobody'.*root/u) as string,
    });
  });

  it('is nothing to do for the service user itself', () => {
    const account = ensureServiceUser();
    const { value } = inProcess(`return m.dropTo('pkiuser').uid`, { uid: account.uid, gid: account.gid });
    expect(value).toBe(account.uid);
  });
});
