import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createAuthority, type Authority } from './authority.js';
import { runAs } from './run-as.js';
import { seeing, startSite, type Site, type SiteOptions } from './site.js';
import { createSoftToken, type SoftToken } from './soft-token.js';

/** A site whose instance file has two tokens: a CA ('root') and 'audit' on its own, 'ocsp' on the second. Nothing is set up yet. */
export interface TwoTokens {
  readonly site: Site;
  readonly second: SoftToken;
  /** Made 'ocsp' as it is before its first renewal. */
  readonly responder: Authority;
  /** PEM of what is under the nickname on the second token, by certutil. */
  onSecond(nickname: string): Promise<string[]>;
  /** CKA_ID of each private key, by pkcs11-tool. */
  keysOf(token: SoftToken): Promise<(string | undefined)[]>;
  /** As a device that is pulled out: its slot is empty until `back` is called. */
  unplug(token: SoftToken): { back(): void };
}

export async function startTwoTokens(options: { readonly daysLeft?: number; readonly site?: SiteOptions } = {}): Promise<TwoTokens> {
  const each = options.daysLeft === undefined ? {} : { each: { daysLeft: options.daysLeft } };
  const site = await startSite({ ...options.site, authority: { ...each, certificates: [{ nickname: 'root', profile: 'caCACert' }, { nickname: 'audit', profile: 'caSignedLogCert' }] } });
  const second = await createSoftToken({ directory: site.directory, label: 'second token', pin: 'other-pin-9', beside: site.token });
  const responder = await createAuthority(second, { ...each, certificates: [{ nickname: 'ocsp', profile: 'caOCSPCert', subject: [{ CN: ['Responder'] }] }] });
  mkdirSync(site.configDir, { recursive: true });
  const table = (token: SoftToken) => `label = "${token.label}"\nmodule = "${token.module}"\npin-file = "${token.pinFile}"\nenvironment = { SOFTHSM2_CONF = "${token.confFile}" }\n`;
  writeFileSync(
    site.instanceFile,
    `user = "${site.owner.name}"\n[token]\n${table(site.token)}\n[tokens.responder]\n${table(second)}\n[nss]\ndatabase = "${site.nss.database}"\n[issuer]\ntype = "token"\ncertificate = "root"\n${[['root', 'caCACert'], ['audit', 'caSignedLogCert'], ['ocsp', 'caOCSPCert']].map(([nickname, profile]) => `[[certificate]]\nnickname = "${nickname!}"\nprofile = "${profile!}"\n${nickname === 'ocsp' ? 'token = "responder"\n' : ''}`).join('')}`,
    { mode: 0o644 },
  );
  return {
    site,
    second,
    responder,
    onSecond: async (nickname) => {
      const logins = path.join(site.directory, 'second.logins');
      writeFileSync(logins, `${second.label}:${second.pin}\nNSS Certificate DB:\n`, { mode: 0o600 });
      chownSync(logins, site.owner.uid, site.owner.gid);
      const { stdout } = await runAs(site.owner, 'certutil', ['-L', '-d', `sql:${site.nss.database}`, '-h', second.label, '-f', logins, '-n', `${second.label}:${nickname}`, '-a'], { env: second.environment, cwd: '/' });
      return stdout.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? [];
    },
    keysOf: async (token) => {
      const { stdout } = await seeing(() => runAs(site.owner, 'pkcs11-tool', ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:RIG_PIN', '-O', '--type', 'privkey'], { env: { ...token.environment, RIG_PIN: token.pin }, cwd: '/' }));
      return [...stdout.matchAll(/^ +ID: +([0-9a-f]+)/gmu)].map(([, id]) => id).sort();
    },
    unplug: (token) => {
      // SoftHSM's own directory of that token.
      const there = path.dirname(execFileSync('grep', ['-la', token.label, '-r', token.tokenDirectory], { encoding: 'utf8' }).trim().split('\n')[0]!);
      const away = path.join(site.directory, `unplugged ${token.label}`);
      renameSync(there, away);
      return { back: () => { renameSync(away, there); } };
    },
  };
}
