import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { sweepPasswordFiles, withPasswordFile } from '../../src/nss/password-file.js';
import { ensureServiceUser } from '../rig/service-user.js';

const memory = mkdtempSync('/dev/shm/hsmonger-test-');
afterAll(() => {
  rmSync(memory, { recursive: true, force: true });
});

const password = (text: string) => [{ token: 'NSS Certificate DB', password: Buffer.from(text) }];

test('the file is in memory, of this user alone, has one line for each token, and is gone afterwards', async () => {
  const seen = await withPasswordFile([...password('secret'), { token: 'a token', password: Buffer.from('1: 2') }], (file) => {
    expect(statfsSync(file).type).toBe(0x01021994);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toBe('NSS Certificate DB:secret\na token:1: 2\n');
    return Promise.resolve(file);
  });
  expect(existsSync(seen)).toBe(false);
});

test('it is gone after a failure too', async () => {
  let seen = '';
  await expect(
    withPasswordFile(password('secret'), (file) => {
      seen = file;
      return Promise.reject(new Error('no'));
    }),
  ).rejects.toThrow('no');
  expect(seen).not.toBe('');
  expect(existsSync(seen)).toBe(false);
});

test('no password is ever written where it would reach a disk', async () => {
  const disk = mkdtempSync('/var/tmp/hsmonger-test-');
  try {
    await expect(withPasswordFile(password('secret'), () => Promise.resolve(), [disk])).rejects.toMatchObject({ code: 'NSS_FAILED' });
    expect(readdirSync(disk)).toEqual([]);
  } finally {
    rmSync(disk, { recursive: true });
  }
});

test('more than NSS reads is refused instead of cut off', async () => {
  await expect(withPasswordFile(password('x'.repeat(5000)), () => Promise.resolve(), [memory])).rejects.toMatchObject({
    code: 'NSS_PASSWORD',
  });
  expect(readdirSync(memory)).toEqual([]);
});

test('what a killed process left is swept, what a living one uses stays', async () => {
  const script = `import { withPasswordFile } from ${JSON.stringify(path.resolve('src/nss/password-file.ts'))};
    void withPasswordFile([{ token: 't', password: Buffer.from('p') }], () => new Promise(() => { console.log('ready'); setInterval(() => {}, 1000); }), [${JSON.stringify(memory)}]);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  expect(readdirSync(memory)).toHaveLength(1);
  expect(sweepPasswordFiles([memory])).toBe(0);
  child.kill('SIGKILL');
  await once(child, 'exit');
  writeFileSync(path.join(memory, 'somebody-elses'), '');
  // A number given to another process meanwhile: same pid as ours, another start time.
  writeFileSync(path.join(memory, `hsmonger-login.${String(process.pid)}.1.0123456789abcdef`), '');
  expect(sweepPasswordFiles([memory])).toBe(2);
  expect(readdirSync(memory)).toEqual(['somebody-elses']);
});

test('what others put there under such a name, to be in the way, is passed over', () => {
  const { uid, gid } = ensureServiceUser();
  const shared = mkdtempSync('/dev/shm/hsmonger-test-');
  try {
    chmodSync(shared, 0o1777);
    const planted = (n: number) => path.join(shared, `hsmonger-login.1.1.000000000000000${String(n)}`);
    const target = path.join(shared, 'of-the-service-user');
    writeFileSync(target, '');
    chownSync(target, uid, gid);
    symlinkSync(target, planted(1));
    lchownSync(planted(1), 65534, 65534);
    mkdirSync(planted(2));
    chownSync(planted(2), uid, gid);
    writeFileSync(planted(3), '');
    writeFileSync(planted(4), '');
    chownSync(planted(4), uid, gid);
    const script = `import { sweepPasswordFiles } from ${JSON.stringify(path.resolve('src/nss/password-file.ts'))};
      process.setgid(${String(gid)});
      process.setuid(${String(uid)});
      console.log(sweepPasswordFiles([${JSON.stringify(shared)}, '/root']));`;
    expect(execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { encoding: 'utf8' })).toBe('1\n');
    expect(readdirSync(shared).sort()).toEqual([...[1, 2, 3].map((n) => path.basename(planted(n))), 'of-the-service-user']);
  } finally {
    rmSync(shared, { recursive: true });
  }
});
