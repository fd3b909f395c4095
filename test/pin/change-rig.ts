/** A site whose token's PIN lies in three files: the instance's, a second instance's, and one that a request alone names. */
import { chmodSync, chownSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Directories } from '../../src/config/instance.js';
import { pinChanges } from '../../src/service/pin/change-journal.js';
import { askAgain, getcert } from '../rig/certmonger.js';
import { runAs } from '../rig/run-as.js';
import { startSite, type Site } from '../rig/site.js';

export interface ChangeRig {
  readonly site: Site;
  readonly directories: Directories;
  /** Of the one request. */
  readonly id: string;
  /** The instance's own first. */
  readonly files: readonly string[];
  /** hsmonger token change-pin to this PIN. */
  change(pin: string): ReturnType<Site['cli']>;
  /** By OpenSC: the token takes this PIN. */
  tokenTakes(pin: string): Promise<boolean>;
  /** All files hold this PIN, and nothing of a change is left beside them. */
  expectEverywhere(pin: string): void;
  /** Has certmonger renew, and waits until it has. */
  renewed(): Promise<void>;
  /** Until the request is renewed: since this end of its certificate. */
  untilRenewed(before: string | undefined): Promise<void>;
}

export async function changeRig(): Promise<ChangeRig> {
  const site = await startSite({
    authority: { certificates: [{ nickname: 'caSigningCert cert-pki-ca', profile: 'caCACert' }], each: { daysLeft: 300 } },
  });
  await site.setUp();
  const directories = { config: site.configDir, state: site.stateDir };
  const files = [site.token.pinFile, path.join(site.directory, 'second.pin'), path.join(site.directory, 'request.pin')] as const;
  const [own, second, named] = files;
  for (const file of [second, named]) {
    writeFileSync(file, `${site.token.pin}\n`, { mode: 0o600 });
    chownSync(file, site.owner.uid, site.owner.gid);
  }
  chownSync(second, 0, site.owner.gid);
  chmodSync(second, 0o640);
  const text = readFileSync(path.join(site.configDir, 'hsmonger.toml'), 'utf8');
  writeFileSync(path.join(site.configDir, 'second.toml'), text.replace(own, second).replace(/\[\[certificate\]\][^]*/u, ''));
  const id = [...(await site.getcertRecords()).keys()][0]!;
  await getcert(site.bus, ['start-tracking', '-i', id, '-p', named]);
  await site.untilQuiet(30_000);
  const record = async () => (await site.getcertRecords()).get(id);
  const untilRenewed: ChangeRig['untilRenewed'] = async (before) => {
    for (const end = Date.now() + 60_000; ; await sleep(200)) {
      const now = await record();
      if (now?.get('status') === 'MONITORING' && now.get('expires') !== before) return;
      await askAgain(site.bus);
      if (Date.now() > end) throw new Error(`Not renewed: ${JSON.stringify([...(now ?? [])])}\n${site.certmonger.log().slice(-3000)}`);
    }
  };
  return {
    site,
    directories,
    id,
    files,
    change: (pin) => {
      const file = path.join(site.directory, 'new.pin');
      writeFileSync(file, `${pin}\n`, { mode: 0o600 });
      return site.cli('token', 'change-pin', '--new-pin-file', file);
    },
    tokenTakes: async (pin) => {
      const { exitCode, stderr } = await runAs(
        site.owner,
        'pkcs11-tool',
        ['--module', site.token.module, '--token-label', site.token.label, '--login', '--pin', 'env:RIG_PIN', '-O', '--type', 'privkey'],
        { env: { ...site.token.environment, RIG_PIN: pin }, cwd: '/', okExitCodes: [0, 1] },
      );
      if (exitCode !== 0 && !stderr.includes('CKR_PIN_INCORRECT')) throw new Error(stderr);
      return exitCode === 0;
    },
    expectEverywhere: (pin) => {
      expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(files.map(() => `${pin}\n`));
      expect(readdirSync(site.directory).filter((name) => /\.(?:old|new)-pin/u.test(name))).toEqual([]);
      expect(pinChanges(directories)).toEqual([]);
    },
    renewed: async () => {
      const before = (await record())?.get('expires');
      await getcert(site.bus, ['resubmit', '-i', id]);
      await untilRenewed(before);
    },
    untilRenewed,
  };
}
