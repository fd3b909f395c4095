import { chownSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { runAs } from '../rig/run-as.js';
import type { Fault } from './fault.js';
import type { SoakSite } from './soak-site.js';

/** Of the token and of the file with its PIN. */
export function tokenFaults({ site: { token, owner } }: SoakSite): Fault[] {
  const away = `${token.tokenDirectory}.away`;
  const gone = `${token.pinFile}.gone`;
  const right = readFileSync(token.pinFile, 'utf8');
  const other = 'another-pin-4321';
  const changePin = (from: string, to: string) =>
    runAs(
      owner,
      'pkcs11-tool',
      ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:OLD', '--change-pin', '--new-pin', 'env:NEW'],
      { env: { ...token.environment, OLD: from, NEW: to }, cwd: '/' },
    );
  const place = (text: string) => {
    writeFileSync(`${token.pinFile}.new`, text, { mode: 0o600 });
    chownSync(`${token.pinFile}.new`, owner.uid, owner.gid);
    renameSync(`${token.pinFile}.new`, token.pinFile);
  };
  return [
    {
      name: 'token away',
      touches: ['token'],
      begin: () => {
        renameSync(token.tokenDirectory, away);
      },
      end: () => {
        renameSync(away, token.tokenDirectory);
      },
    },
    {
      name: 'PIN file wrong',
      touches: ['PIN file'],
      begin: () => {
        place('certainly-not-it\n');
      },
      end: () => {
        place(right);
      },
    },
    {
      name: 'PIN file missing',
      touches: ['PIN file'],
      begin: () => {
        if (existsSync(token.pinFile)) renameSync(token.pinFile, gone);
      },
      end: () => {
        if (existsSync(gone)) renameSync(gone, token.pinFile);
        else place(right);
      },
    },
    {
      name: 'PIN changed on the token',
      touches: ['token', 'PIN file'],
      begin: async () => {
        await changePin(right.trim(), other);
      },
      // Back, and written anew: the witnesses at the end know one PIN.
      end: async () => {
        await changePin(other, right.trim());
        place(right);
      },
    },
  ];
}
