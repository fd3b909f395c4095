import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Account } from '../../src/platform/service-user.js';
import { runAs } from './run-as.js';

export const softHsmModule = '/usr/lib/softhsm/libsofthsm2.so';

/** A SoftHSM2 token of its own. Every file under `tokenDirectory` belongs to `owner`. */
export interface SoftToken {
  readonly label: string;
  readonly module: string;
  /** softhsm2.conf. */
  readonly confFile: string;
  readonly tokenDirectory: string;
  /** 0600, the owner's. */
  readonly pinFile: string;
  readonly pin: string;
  readonly soPin: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly owner?: Account;
}

export interface SoftTokenOptions {
  readonly directory: string;
  readonly label?: string;
  readonly pin?: string;
  readonly owner?: Account;
  /** Another token whose token directory and configuration file are shared: both are then slots of one module. */
  readonly beside?: SoftToken;
}

const soPin = 'so-pin-5678';

/** Makes a token with softhsm2-util, run as the owner so that all files are the owner's. */
export async function createSoftToken(options: SoftTokenOptions): Promise<SoftToken> {
  const { directory, owner = options.beside?.owner, label = 'softhsm_token', pin = 'user-pin-1234', beside } = options;
  const tokenDirectory = beside?.tokenDirectory ?? path.join(directory, 'tokens');
  const confFile = beside?.confFile ?? path.join(directory, 'softhsm2.conf');
  if (beside === undefined) {
    mkdirSync(tokenDirectory, { mode: 0o700, recursive: true });
    give(tokenDirectory, owner);
    writeFileSync(
      confFile,
      `directories.tokendir = ${tokenDirectory}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`,
      { mode: 0o644 },
    );
  }
  const environment = { SOFTHSM2_CONF: confFile };
  await runAs(owner, 'softhsm2-util', ['--init-token', '--free', '--label', label, '--pin', pin, '--so-pin', soPin], { env: environment });
  const pinFile = freeName(path.join(directory, `${label.replace(/[^A-Za-z0-9._-]/gu, '_')}.pin`));
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });
  give(pinFile, owner);
  return {
    label,
    module: softHsmModule,
    confFile,
    tokenDirectory,
    pinFile,
    pin,
    soPin,
    environment,
    ...(owner === undefined ? {} : { owner }),
  };
}

function give(file: string, owner: Account | undefined): void {
  if (owner !== undefined) chownSync(file, owner.uid, owner.gid);
}

/** Two tokens may have the same label on purpose. */
function freeName(wanted: string): string {
  let file = wanted;
  for (let n = 2; existsSync(file); n++) file = `${wanted}.${String(n)}`;
  return file;
}
