import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Prober } from '../../../src/agent/probe/prober.js';
import { startProber, type ProberOptions } from '../../../src/agent/probe/start-prober.js';
import { loadInstance } from '../../../src/config/load.js';
import type { Instance } from '../../../src/config/instance.js';
import type { Probe } from '../../../src/diagnosis/probe.js';
import type { Part } from '../../../src/agent/instances/instance-context.js';
import { createAuthority } from '../../rig/authority.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';
import { createInstance } from '../../rig/instance.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSoftToken, softHsmModule, type SoftToken } from '../../rig/soft-token.js';

const spy = '/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so';
const patienceMs = 30_000;
const nickname = 'caSigningCert cert-pki-ca';

let directory: PrivateDirectory;
let token: SoftToken;
let instance: Instance;
let end: AbortController;
let probes: Probe[];
let lines: string[];
let prober: Prober & Part;

beforeEach(async () => {
  directory = privateDirectory();
  const owner = ensureServiceUser();
  token = await createSoftToken({ directory: directory.path, owner });
  await createAuthority(token, { certificates: [{ nickname, profile: 'caCACert', subject: [{ CN: ['CA'] }] }] });
  const database = path.join(directory.path, 'alias');
  mkdirSync(database);
  for (const name of ['cert9.db', 'key4.db', 'pkcs11.txt']) writeFileSync(path.join(database, name), '');
  execFileSync('chown', ['-R', `${String(owner.uid)}:${String(owner.gid)}`, database]);
  const made = createInstance({ directory: directory.path, token, database, certificates: [{ nickname, profile: 'caCACert' }] });
  instance = loadInstance({ config: made.configDir, state: made.stateDir }, 'hsmonger');
  end = new AbortController();
  probes = [];
  lines = [];
});
afterEach(async () => {
  end.abort();
  await prober.ended;
  expect(children()).toEqual([]);
  directory.remove();
});

const start = (
  agent: Partial<Instance['agent']>,
  more: Partial<ProberOptions> = {},
  edit: (instance: Instance) => Instance = (one) => one,
): void => {
  const directories = { config: path.join(directory.path, 'etc'), state: path.join(directory.path, 'state') };
  prober = startProber({
    instance: edit({ ...instance, agent: { ...instance.agent, probeSeconds: 0.3, ...agent } }),
    directories,
    log: (priority, message) => lines.push(`${priority} ${message}`),
    clock: () => new Date(),
    signal: end.signal,
    certmonger: { use: () => Promise.reject(new Error('There is none here.')) },
    ...more,
  });
  prober.onProbe((probe) => probes.push(probe));
};
/** The next probe from now on that fits. */
const until = async (fits: (probe: Probe) => boolean): Promise<Probe> => {
  const from = probes.length;
  for (const stop = Date.now() + patienceMs; Date.now() < stop; await sleep(20)) {
    const found = probes.slice(from).find(fits);
    if (found !== undefined) return found;
  }
  throw new Error(`No such probe but ${JSON.stringify(probes.slice(from).at(-1))}; said ${lines.join('\n')}`);
};
const proven = ({ token: seen }: Probe) => seen?.state === 'present' && seen.login.state === 'proven';
const children = (): number[] =>
  readFileSync(`/proc/${String(process.pid)}/task/${String(process.pid)}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter((word) => word !== '')
    .map(Number)
    .filter((pid) => readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').includes('prober.cjs'));

describe('the keep-alive', () => {
  it('signs at first, sees the token go and come, and runs as the service user alone', async () => {
    start({});
    const first = await until(proven);
    expect(first).toMatchObject({
      token: { pin: 'fine', keys: { [nickname]: { ok: true } } },
      nss: { unwritable: [] },
      disk: { ok: true },
    });
    expect(prober.signatures()).toBe(1);
    const [child] = children();
    expect(readFileSync(`/proc/${String(child)}/status`, 'utf8')).toMatch(
      new RegExp(`^Uid:(?:\\t${String(ensureServiceUser().uid)}){4}$`, 'mu'),
    );
    renameSync(token.tokenDirectory, `${token.tokenDirectory}.away`);
    await until(({ token: seen }) => seen?.state === 'away');
    renameSync(`${token.tokenDirectory}.away`, token.tokenDirectory);
    await until(proven);
    expect(prober.latest()).toEqual(probes.at(-1));
    expect(prober.signatures()).toBe(1);
  });

  it('is started again when its process is killed, without a word about the token', async () => {
    start({});
    await until(proven);
    const [before] = children();
    process.kill(before!, 'SIGKILL');
    await until(proven);
    expect(children()).not.toContain(before);
    expect(lines.join('\n')).toMatch(/warning .*SIGKILL[\s\S]*info what renewals need is looked at again/u);
    expect(probes.filter((probe) => !proven(probe)).length).toBeLessThanOrEqual(1);
  });

  it('ends a process whose module hangs, says so, and sees the token once the module answers', async () => {
    const flag = path.join(directory.path, 'hang');
    start({}, { silenceMs: 1500 }, (one) => ({ ...one, token: { ...one.token!, module: hangingModule(flag) } }));
    await until(proven);
    writeFileSync(flag, '');
    const hung = await until((probe) => !proven(probe));
    expect(hung.token).toMatchObject({
      state: 'away',
      code: 'TOKEN_FAILED',
      problem: expect.stringMatching(/gave no answer within 1\.5 seconds .*hang/u) as string,
    });
    rmSync(flag);
    await until(proven);
  });

  it('never signs where it must not, in no kind of look', async () => {
    const log = path.join(directory.path, 'spied');
    mkdirSync(log, { mode: 0o777 });
    chmodSync(log, 0o777);
    start({ signMinutes: 0 }, {}, (one) => ({
      ...one,
      token: {
        ...one.token!,
        module: spy,
        environment: { ...token.environment, PKCS11SPY: token.module, PKCS11SPY_OUTPUT: path.join(log, 'spy') },
      },
    }));
    await until(proven);
    expect(await prober.look()).toMatchObject({
      token: { state: 'present', login: { state: 'proven' }, keys: { [nickname]: { ok: true } } },
    });
    await until(proven);
    const calls = readdirSync(log)
      .map((name) => readFileSync(path.join(log, name), 'utf8'))
      .join('');
    expect(calls).toMatch(/: C_Login$/mu);
    expect(calls).not.toMatch(/: C_Sign/u);
    expect(prober.signatures()).toBe(0);
  });
});

describe('a look with new eyes', () => {
  it('tells a PIN changed by others, of which the kept session knows nothing, and is believed by it; those asked for meanwhile are one', async () => {
    start({ probeSeconds: 3600 });
    await until(proven);
    execFileSync(
      'setpriv',
      [
        '--reuid',
        'pkiuser',
        '--regid',
        'pkiuser',
        '--clear-groups',
        'pkcs11-tool',
        '--module',
        softHsmModule,
        '--token-label',
        token.label,
        '--login',
        '--pin',
        token.pin,
        '--change-pin',
        '--new-pin',
        'another-pin',
      ],
      { env: { ...process.env, ...token.environment }, stdio: 'pipe' },
    );
    const [first, ...others] = await Promise.all(Array.from({ length: 5 }, () => prober.look()));
    expect(first).toMatchObject({
      token: { state: 'present', login: { state: 'refused', code: 'PIN_INCORRECT', source: expect.stringMatching(/^file:/u) as string } },
    });
    expect(new Set(others).size).toBe(1);
    expect(others[0]).toMatchObject({ token: { pin: 'count-low', login: { code: 'PIN_KNOWN_BAD' } } });
    // The kept one looked again and agrees.
    await expect.poll(() => probes.length, { timeout: patienceMs }).toBeGreaterThanOrEqual(4);
    expect(probes.slice(1).some(proven)).toBe(false);
    writeFileSync(token.pinFile, 'another-pin\n');
    expect(proven(await prober.look())).toBe(true);
  });

  it('proves the PIN before certmonger gets it: once in a while, at once where its file is another, and without a signature', async () => {
    start({ probeSeconds: 3600 });
    await until(proven);
    const { length } = probes;
    await prober.prove();
    await prober.prove();
    await expect.poll(() => probes.length, { timeout: patienceMs }).toBe(length + 1);
    expect(prober.signatures()).toBe(1);
    // What signatures showed still stands.
    expect(probes.at(-1)).toMatchObject({ token: { keys: { [nickname]: { ok: true, latencyMs: expect.any(Number) as number } } } });
    writeFileSync(token.pinFile, 'wrong\n');
    await expect(prober.prove()).rejects.toMatchObject({ code: 'PIN_INCORRECT' });
    await expect(prober.prove()).rejects.toMatchObject({ code: 'PIN_KNOWN_BAD' });
    renameSync(token.tokenDirectory, `${token.tokenDirectory}.away`);
    await expect(prober.prove()).rejects.toMatchObject({ code: expect.stringMatching(/^(?:TOKEN_NOT_FOUND|MODULE_FAILED)$/u) as string });
  });

  it('names what the service user cannot write, and what it cannot reach', async () => {
    start({ probeSeconds: 3600 }, {}, (one) => ({
      ...one,
      issuer: { type: 'dogtag', certificate: nickname, url: 'https://127.0.0.1:9', caFile: '/none' },
      directory: { uri: 'ldapi://%2Fnone', startTls: false, bind: { method: 'external' }, base: 'dc=x', pkiBase: 'o=ipaca', host: 'a.x' },
    }));
    execFileSync('chown', ['root', path.join(directory.path, 'alias')]);
    const found = await until(() => true);
    expect(found).toMatchObject({
      nss: { unwritable: ['.'] },
      directory: { ok: false, code: 'DIRECTORY_UNAVAILABLE' },
      ca: { ok: false, code: 'CA_UNREACHABLE' },
    });
    expect(await prober.look()).toMatchObject({
      nss: { unwritable: ['.'] },
      directory: { ok: false, code: 'DIRECTORY_UNAVAILABLE' },
      ca: { ok: false },
    });
  });
});

/**
 * SoftHSM, but C_GetTokenInfo never returns while the flag file is there. The function list is two bytes of version and then pointers
 * (PKCS#11 2.40 §3.6, pkcs11f.h's order).
 */
function hangingModule(flag: string): string {
  const source = path.join(directory.path, 'hanging.c');
  writeFileSync(
    source,
    `#include <dlfcn.h>
#include <unistd.h>
struct list { unsigned char version[2]; void *function[68]; };
static struct list ours;
static unsigned long (*real)(unsigned long, void *);
static unsigned long token_info(unsigned long slot, void *info) { while (access("${flag}", F_OK) == 0) usleep(50000); return real(slot, info); }
unsigned long C_GetFunctionList(struct list **out) {
  struct list *theirs;
  unsigned long (*get)(struct list **) = dlsym(dlopen("${softHsmModule}", RTLD_NOW), "C_GetFunctionList");
  get(&theirs);
  ours = *theirs;
  real = ours.function[6];
  ours.function[6] = token_info;
  *out = &ours;
  return 0;
}
`,
  );
  const module = path.join(directory.path, 'hanging.so');
  if (!existsSync(module)) execFileSync('gcc', ['-shared', '-fPIC', '-o', module, source, '-ldl']);
  return module;
}
