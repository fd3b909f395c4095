import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { privateDirectory } from '../../rig/directory.js';
import { runAs } from '../../rig/run-as.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { hsmonger, type Said } from '../site.js';

/** A key as `token keys --json` tells it. */
export interface Key {
  readonly label: string;
  readonly id: string;
  readonly kind: string;
  readonly uri: string;
  readonly certificates: string[];
}

/** A token of the service user's, and the commands that change it. */
export interface TokenSite {
  readonly directory: string;
  readonly token: SoftToken;
  /** Flags that lead to the instance's directories and make the module find its tokens. */
  readonly here: readonly string[];
  /** The same, and the token. */
  readonly flags: readonly string[];
  /** `hsmonger token …`, which must succeed. */
  ok(...argv: string[]): Promise<Said>;
  /** A P-256 key made by keygen. */
  made(label: string, ...more: string[]): Promise<Key & { readonly nssId?: string }>;
  pkcs11Tool(...args: string[]): Promise<string>;
  file(name: string): string;
  /** PEM of a public key on the token. */
  spkiOf(id: string): Promise<string>;
  /** PEM file of a certificate for a public key, by a CA that is on no token (outside.pem). */
  certificateFor(spki: string, name: string, subject: string, ...more: string[]): string;
  remove(): void;
}

export async function tokenSite(): Promise<TokenSite> {
  const owner = ensureServiceUser();
  const directory = privateDirectory();
  const token = await createSoftToken({ directory: directory.path, owner });
  const here = [
    '--module-env',
    `SOFTHSM2_CONF=${token.confFile}`,
    '--config-dir',
    path.join(directory.path, 'etc'),
    '--state-dir',
    path.join(directory.path, 'state'),
  ];
  const flags = ['--module', token.module, '--token', token.label, '--pin-file', token.pinFile, ...here];
  const file = (name: string) => path.join(directory.path, name);
  const ok = async (...argv: string[]) => {
    const said = await hsmonger('token', ...argv);
    expect(said.exitCode, said.err).toBe(0);
    return said;
  };
  const pkcs11Tool = async (...args: string[]) =>
    (
      await runAs(owner, 'pkcs11-tool', ['--module', token.module, '--token-label', token.label, '--login', '--pin', token.pin, ...args], {
        env: { ...token.environment },
      })
    ).stdout;
  return {
    directory: directory.path,
    token,
    here,
    flags,
    ok,
    pkcs11Tool,
    file,
    made: async (label, ...more) =>
      JSON.parse((await ok('keygen', '--type', 'P-256', '--label', label, '--json', ...more, ...flags)).out) as Key,
    async spkiOf(id) {
      const out = file(`${id}.pub.der`);
      writeFileSync(out, '');
      chownSync(out, owner.uid, owner.gid);
      await pkcs11Tool('--read-object', '--type', 'pubkey', '--id', id, '-o', out);
      return execFileSync('openssl', ['pkey', '-pubin', '-inform', 'DER', '-in', out]).toString();
    },
    certificateFor(spki, name, subject, ...more) {
      const [key, out, ca, caKey] = [file(`${name}.spki`), file(`${name}.pem`), file('outside.pem'), file('outside.key')];
      if (!existsSync(ca))
        execFileSync(
          'openssl',
          ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', caKey, '-out', ca, '-subj', '/CN=outside', '-days', '4000'],
          { stdio: 'ignore' },
        );
      writeFileSync(key, spki);
      // openssl wants a request to certify, and nothing of it but the subject.
      execFileSync(
        'openssl',
        [
          'req',
          '-new',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-keyout',
          '/dev/null',
          '-subj',
          subject,
          '-out',
          file(`${name}.csr`),
        ],
        { stdio: 'ignore' },
      );
      execFileSync(
        'openssl',
        ['x509', '-req', '-in', file(`${name}.csr`), '-CA', ca, '-CAkey', caKey, '-force_pubkey', key, '-out', out, ...more],
        { stdio: 'ignore' },
      );
      return out;
    },
    remove: () => directory.remove(),
  };
}
