import { chownSync, chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { installation } from '../../src/platform/installation.js';
import { runAs } from '../rig/run-as.js';
import type { SoakSite } from './soak-site.js';

/** Something that goes wrong, and comes right again. */
export interface Fault {
  readonly name: string;
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
  /** Over with its beginning: there is nothing to come right. */
  readonly sudden?: true;
}

/** Every fault of the soak; each leaves the site as it was. */
export function faultsOf(site: SoakSite): readonly Fault[] {
  const { token, nss, owner } = site.site;
  const aside = `${token.tokenDirectory}.away`;
  const pin = () => readFileSync(token.pinFile, 'utf8');
  let right = pin();
  const helper = path.join(installation().executables, 'hsmonger-submit');
  const place = (text: string) => {
    writeFileSync(`${token.pinFile}.new`, text, { mode: 0o600 });
    chownSync(`${token.pinFile}.new`, owner.uid, owner.gid);
    renameSync(`${token.pinFile}.new`, token.pinFile);
  };
  return [
    { name: 'token away', begin: () => { renameSync(token.tokenDirectory, aside); }, end: () => { renameSync(aside, token.tokenDirectory); } },
    {
      name: 'PIN file wrong',
      begin: () => { place('certainly-not-it\n'); },
      end: () => { place(right); },
    },
    {
      name: 'PIN file missing',
      begin: () => { if (existsSync(token.pinFile)) renameSync(token.pinFile, `${token.pinFile}.gone`); },
      end: () => { if (existsSync(`${token.pinFile}.gone`)) renameSync(`${token.pinFile}.gone`, token.pinFile); else place(right); },
    },
    {
      name: 'PIN changed on the token',
      begin: async () => {
        const next = `pin-${String(Date.now())}`;
        await runAs(owner, 'pkcs11-tool', ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:OLD', '--change-pin', '--new-pin', 'env:NEW'], { env: { ...token.environment, OLD: right.trim(), NEW: next }, cwd: '/' });
        right = `${next}\n`;
      },
      end: () => { place(right); },
    },
    { name: 'NSS database not writable', begin: () => { for (const file of databaseFiles(nss.database)) chownSync(file, 0, 0); chmodSync(nss.database, 0o755); chownSync(nss.database, 0, 0); }, end: () => { for (const file of [nss.database, ...databaseFiles(nss.database)]) chownSync(file, owner.uid, owner.gid); chmodSync(nss.database, 0o700); } },
    { name: 'helper not executable', begin: () => { chmodSync(helper, 0o644); }, end: () => { chmodSync(helper, 0o755); } },
    { name: 'certmonger killed', sudden: true, begin: async () => { await site.site.certmonger.kill('SIGKILL'); await site.site.certmonger.restart(); }, end: () => undefined },
    { name: 'agent killed', sudden: true, begin: () => site.restartAgent('SIGKILL'), end: () => undefined },
    { name: 'agent restarted', sudden: true, begin: () => site.restartAgent('SIGTERM'), end: () => undefined },
    { name: 'certmonger stopped', begin: () => site.site.certmonger.stop(), end: () => site.site.certmonger.restart() },
  ];
}

function databaseFiles(directory: string): string[] {
  return ['cert9.db', 'key4.db', 'pkcs11.txt'].map((name) => path.join(directory, name)).filter((file) => statSync(file, { throwIfNoEntry: false }) !== undefined);
}
