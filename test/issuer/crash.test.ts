import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listIssued } from '../../src/ledger/issued.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { createAuthority, type Authority } from '../rig/authority.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import type { WorkerOrder } from './enrol-worker.js';

const caName = 'caSigningCert cert-pki-ca';
const ocspName = 'ocspSigningCert cert-pki-ca';
let directory: PrivateDirectory;
let token: SoftToken;
let authority: Authority;

beforeAll(async () => {
  directory = privateDirectory('crash');
  token = await createSoftToken({ directory: directory.path });
  authority = await createAuthority(token, { only: { [caName]: { daysLeft: 4000 } } });
});
afterAll(() => {
  directory.remove();
});

function submit(nickname: string, slowMs: number): ChildProcess {
  const { csr, der, profile } = authority.certificate(nickname);
  const order: WorkerOrder = {
    document: {
      token: { label: token.label, module: token.module, 'pin-file': token.pinFile, environment: token.environment },
      nss: { database: '/n' },
      issuer: { type: 'token', certificate: caName },
      certificate: [{ nickname: caName, profile: 'caCACert' }],
    },
    state: directory.path,
    csr,
    old: der.toString('base64'),
    profile,
    slowMs,
  };
  const file = path.join(directory.path, `${nickname}-${String(slowMs)}.json`);
  writeFileSync(file, JSON.stringify(order));
  return spawn(process.execPath, ['--import', 'tsx', path.resolve('test/issuer/enrol-worker.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const issuedBy = async (child: ChildProcess): Promise<string | undefined> => /^issued ([0-9a-f]+)$/mu.exec(await text(child.stdout!))?.[1];
const ledgerRows = () => {
  const ledger = openLedger(path.join(directory.path, 'ledger.sqlite'), { readonly: true });
  const rows = listIssued(ledger).map(({ certificate, serial, profile }) => ({
    certificate: Buffer.from(certificate).toString('hex'),
    serial,
    profile,
  }));
  ledger.close();
  return rows;
};

describe('SUBMIT in processes of its own', () => {
  it('killed with -9 while the HSM signs, or just after, leaves nothing half done; asked again it makes one certificate', async () => {
    for (const wait of [0, 750, 2000]) {
      const child = submit(ocspName, 1500);
      const ended = once(child, 'exit');
      expect(String(await Promise.race([once(child.stdout!, 'data'), ended]))).toBe('signing\n');
      await sleep(wait);
      child.kill('SIGKILL');
      await ended;
    }
    expect(ledgerRows()).toEqual([]);
    const first = await issuedBy(submit(ocspName, 0));
    expect(ledgerRows()).toMatchObject([{ certificate: first }]);
    expect(await issuedBy(submit(ocspName, 0))).toBe(first);
    expect(ledgerRows()).toHaveLength(1);
  });

  it('eight times at once makes one certificate', async () => {
    const nickname = 'subsystemCert cert-pki-ca';
    const answers = await Promise.all(Array.from({ length: 8 }, () => issuedBy(submit(nickname, 100))));
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toBeDefined();
    expect(ledgerRows().filter(({ profile }) => profile === 'caSubsystemCert')).toHaveLength(1);
    expect(new Set(ledgerRows().map(({ serial }) => serial)).size).toBe(ledgerRows().length);
  });
});
