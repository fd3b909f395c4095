import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createAuthority, type Authority } from './authority.js';
import type { PrivateDirectory } from './directory.js';
import { serveToken, type RemoteToken } from './p11-remote.js';
import { runAs } from './run-as.js';
import { ensureServiceUser } from './service-user.js';
import { startSite, type Site } from './site.js';
import { createSoftToken, type SoftToken } from './soft-token.js';

/** A site whose instance file has two tokens: a CA ('root') and 'audit' on its own, 'ocsp' on the second. Nothing is set up yet. */
export interface TwoTokens {
  readonly site: Site;
  readonly second: SoftToken;
  /** The line to it, where it is another host's. */
  readonly line?: RemoteToken;
  /** Made 'ocsp' as it is before its first renewal. */
  readonly responder: Authority;
  /** PEM of what is under the nickname on the second token, by certutil. */
  onSecond(nickname: string): Promise<string[]>;
  /** CKA_ID of each private key, by pkcs11-tool. */
  keysOf(token: SoftToken): Promise<(string | undefined)[]>;
  /** As a device that is pulled out: its slot is empty until `back` is called. */
  unplug(token: SoftToken): { back(): void };
}

export async function startTwoTokens(
  options: {
    readonly daysLeft?: number;
    readonly rootDaysLeft?: number;
    /** The second is reached through another module, over a line. */ readonly remote?: PrivateDirectory;
  } = {},
): Promise<TwoTokens> {
  const each = options.daysLeft === undefined ? {} : { each: { daysLeft: options.daysLeft } };
  const far =
    options.remote === undefined
      ? undefined
      : await createSoftToken({ directory: options.remote.path, owner: ensureServiceUser(), label: 'second token', pin: 'other-pin-9' });
  const line = far === undefined || options.remote === undefined ? undefined : await serveToken(far, options.remote.path);
  const site = await startSite({
    ...(line === undefined ? {} : { command: line.command, certmonger: { command: line.command } }),
    authority: {
      ...each,
      ...(options.rootDaysLeft === undefined ? {} : { only: { root: { daysLeft: options.rootDaysLeft } } }),
      certificates: [
        { nickname: 'root', profile: 'caCACert' },
        { nickname: 'audit', profile: 'caSignedLogCert' },
      ],
    },
  });
  const near = far ?? (await createSoftToken({ directory: site.directory, label: 'second token', pin: 'other-pin-9', beside: site.token }));
  const second = line?.token ?? near;
  const responder = await createAuthority(near, {
    ...each,
    certificates: [{ nickname: 'ocsp', profile: 'caOCSPCert', subject: [{ CN: ['Responder'] }] }],
  });
  mkdirSync(site.configDir, { recursive: true });
  const table = (token: SoftToken) =>
    `label = "${token.label}"\nmodule = "${token.module}"\npin-file = "${token.pinFile}"\nenvironment = { ${Object.entries(
      token.environment,
    )
      .map(([name, value]) => `${name} = "${value}"`)
      .join(', ')} }\n`;
  writeFileSync(
    site.instanceFile,
    `user = "${site.owner.name}"\n[token]\n${table(site.token)}\n[tokens.responder]\n${table(second)}\n[nss]\ndatabase = "${site.nss.database}"\n[issuer]\ntype = "token"\ncertificate = "root"\n${[
      ['root', 'caCACert'],
      ['audit', 'caSignedLogCert'],
      ['ocsp', 'caOCSPCert'],
    ]
      .map(
        ([nickname, profile]) =>
          `[[certificate]]\nnickname = "${nickname!}"\nprofile = "${profile!}"\n${nickname === 'ocsp' ? 'token = "responder"\n' : ''}`,
      )
      .join('')}`,
    { mode: 0o644 },
  );
  return {
    site,
    second,
    responder,
    ...(line === undefined ? {} : { line }),
    onSecond: async (nickname) => {
      const logins = path.join(site.directory, 'second.logins');
      writeFileSync(logins, `${second.label}:${second.pin}\nNSS Certificate DB:\n`, { mode: 0o600 });
      chownSync(logins, site.owner.uid, site.owner.gid);
      const { stdout } = await runAs(
        site.owner,
        'certutil',
        ['-L', '-d', `sql:${site.nss.database}`, '-h', second.label, '-f', logins, '-n', `${second.label}:${nickname}`, '-a'],
        { env: { ...site.token.environment, ...second.environment }, cwd: '/' },
      );
      return stdout.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
    },
    keysOf: async (token) => {
      const { stdout } = await runAs(
        site.owner,
        'pkcs11-tool',
        ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:RIG_PIN', '-O', '--type', 'privkey'],
        { env: { ...token.environment, RIG_PIN: token.pin }, cwd: '/' },
      );
      return [...stdout.matchAll(/^ +ID: +([0-9a-f]+)/gmu)].map(([, id]) => id).sort();
    },
    unplug: (token) => {
      // SoftHSM's own directory of that token.
      const there = path.dirname(
        execFileSync('grep', ['-la', token.label, '-r', token.tokenDirectory], { encoding: 'utf8' }).trim().split('\n')[0]!,
      );
      const away = path.join(site.directory, `unplugged ${token.label}`);
      renameSync(there, away);
      return {
        back: () => {
          renameSync(away, there);
        },
      };
    },
  };
}
