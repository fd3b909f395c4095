/** The rig itself: what the tests of this suite build on is really there. */
import { execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemCertificates } from '../../src/freeipa/system-certificates.js';
import { processes } from '../rig/prey.js';
import { cachedRig, removeRoot, unpackRig } from '../rig/dogtag/cache.js';
import { url } from '../rig/dogtag/server.js';
import { startDogtag, type Dogtag } from '../rig/dogtag.js';
import { expectSelfTestsPassed } from './witness.js';

let rig: Dogtag;
beforeAll(async () => {
  rig = await startDogtag();
});
afterAll(async () => {
  await rig.stop();
});

function rootOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${String(pid)}/root`);
  } catch {
    return undefined;
  }
}

const subjectOf = (pem: string) => new X509Certificate(pem).subject.split('\n').reverse().join(',');

describe('a CA and a KRA', () => {
  it.each(['ca', 'kra'] as const)('%s: runs, and none of its self-tests failed', async (subsystem) => {
    expect(await rig.isRunning(subsystem)).toBe(true);
    await expectSelfTestsPassed(rig, subsystem);
  });

  it.each(systemCertificates.filter(({ subsystem }) => subsystem !== 'ra'))(
    '$nickname is where FreeIPA has it, with its subject',
    async ({ nickname, storage, subject }) => {
      expect(storage).not.toBe('file');
      const [pem, ...more] = await rig.certificates(nickname, storage === 'internal' ? 'internal' : 'token');
      expect(more).toEqual([]);
      expect(subjectOf(pem!)).toBe(
        `CN=${subject === undefined ? 'pki.example.test' : subject === 'the CA' ? 'Certificate Authority' : subject},O=EXAMPLE.TEST`,
      );
      expect(await rig.ocsp(pem!)).toBe('good');
    },
  );

  it('has its seven keys on the token, and the server certificate and its key nowhere there', async () => {
    expect(await rig.privateKeys()).toHaveLength(7);
    expect(await rig.certificates('Server-Cert cert-pki-ca')).toEqual([]);
  });

  it("lets pkiuser's certmonger and hsmonger at its files: database, configuration and token are that account's", () => {
    for (const directory of [rig.database, rig.instance, rig.tokens])
      expect(
        execFileSync(
          'find',
          ['-L', directory, '!', '-user', String(rig.owner.uid), '!', '-path', '*/catalina.properties', '!', '-type', 'l'],
          { encoding: 'utf8' },
        ),
      ).toBe('');
  });
});

describe("certmonger's own helpers", () => {
  it.each(['dogtag-submit', 'dogtag-ipa-renew-agent-submit'])('%s: enrols through the rig', async (helper) => {
    const key = path.join(rig.root, 'srv/enrolled.key');
    const csr = execFileSync(
      'openssl',
      ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-subj', `/CN=${helper}.example.test`],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const flags = [
      '-E',
      `${url}/ca/ee/ca`,
      '-A',
      `${url}/ca/agent/ca`,
      '-i',
      rig.caFile,
      '-c',
      rig.agent.certificate,
      '-k',
      rig.agent.key,
      '-T',
      'caServerCert',
    ];
    const ask = (more: readonly string[], env: Readonly<Record<string, string>>) =>
      rig.enter(`/usr/lib/certmonger/${helper}`, [...flags, ...more], { env, okExitCodes: [0, 5] });
    let answer = await ask([], { CERTMONGER_OPERATION: 'SUBMIT', CERTMONGER_CSR: csr });
    for (let left = 5; answer.exitCode === 5 && left > 0; left--) {
      const [, ...cookie] = answer.stdout.trim().split('\n');
      answer = await ask([], { CERTMONGER_OPERATION: 'POLL', CERTMONGER_CSR: csr, CERTMONGER_CA_COOKIE: cookie.join('\n') });
    }
    expect(subjectOf(answer.stdout)).toBe(`CN=${helper}.example.test`);
  });
});

describe('a request nobody has approved', () => {
  it('waits, and an agent approves it', async () => {
    const csr = execFileSync(
      'openssl',
      ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=late.example.test'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    expect(subjectOf(await rig.approve(await rig.submit('caServerCert', csr)))).toBe('CN=late.example.test');
  });
});

describe('its units', () => {
  const serverPid = async () => (await rig.inside('cat', [`/run/rig/${rig.unit}.pid`])).stdout.trim();

  it('systemctl, as a program of this machine finds it in the rig, restarts the CA', async () => {
    const before = await serverPid();
    await rig.enter('systemctl', ['restart', rig.unit], { timeoutMs: 120_000 });
    expect(await serverPid()).not.toBe(before);
    await rig.untilRunning();
    await expectSelfTestsPassed(rig, 'kra');
  });

  it('a transient timer starts again what was stopped, and one that is stopped does not', async () => {
    const active = async () => (await rig.enter('systemctl', ['is-active', rig.unit], { okExitCodes: [0, 3] })).stdout.trim();
    const timer = (name: string, delay: string) =>
      rig.enter('systemd-run', [`--unit=${name}`, `--on-active=${delay}`, '--description=for a test', 'systemctl', 'start', rig.unit]);
    await timer('guard:a', '15min');
    await rig.enter('systemctl', ['stop', rig.unit], { timeoutMs: 120_000 });
    expect(await active()).toBe('inactive');
    await timer('guard:b', '5s');
    expect((await rig.enter('systemctl', ['list-units', '--all', '--plain', '--no-legend', 'guard:*.timer'])).stdout).toMatch(
      /^guard:a\.timer .*\nguard:b\.timer .*\n$/u,
    );
    for (const end = Date.now() + 30_000; (await active()) !== 'active'; await sleep(200)) expect(Date.now()).toBeLessThan(end);
    await rig.enter('systemctl', ['stop', 'guard:*.timer']);
    expect((await rig.enter('systemctl', ['list-units', '--all', '--plain', '--no-legend', 'guard:*.timer'])).stdout).toBe('');
    await rig.untilRunning();
  });

  it("leaves this machine's own system manager alone", () => {
    expect(readFileSync('/usr/bin/systemctl').subarray(1, 4).toString()).toBe('ELF');
  });
});

describe('namespaces', () => {
  it.each([
    ['the process that made them', []],
    ['the runner of that process', ['runner']],
  ])('end when %s is killed, with every daemon in them and the bus beside them', async (_who, more) => {
    const root = await unpackRig(await cachedRig({}, rig.owner));
    const inThere = () => processes().filter(({ pid }) => rootOf(pid) === root);
    try {
      const worker = spawn(
        process.execPath,
        ['--import', 'tsx', path.resolve(import.meta.dirname, '../rig/dogtag/orphan-worker.ts'), root, ...more],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const [said] = (await once(worker.stdout, 'data')) as [Buffer];
      const pids = JSON.parse(said.toString()) as number[];
      expect(inThere().some(({ command }) => command[0] === 'ns-slapd')).toBe(true);
      worker.kill('SIGKILL');
      const left = () => [...inThere().map(({ pid }) => pid), ...pids.filter((pid) => existsSync(`/proc/${String(pid)}`))];
      for (const end = Date.now() + 20_000; left().length > 0; await sleep(50))
        expect(Date.now(), JSON.stringify(left())).toBeLessThan(end);
    } finally {
      removeRoot(root);
    }
  });

  it('let several rigs run at once', async () => {
    const second = await startDogtag();
    try {
      expect(second.root).not.toBe(rig.root);
      await rig.enter('systemctl', ['stop', rig.unit], { timeoutMs: 120_000 });
      expect(await second.isRunning('ca')).toBe(true);
    } finally {
      await second.stop();
    }
  });
});
