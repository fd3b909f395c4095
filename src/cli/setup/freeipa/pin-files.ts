import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Directories, Instance, InstanceSite, TokenConfig } from '../../../config/instance.js';
import { tokenOf } from '../../../config/token-of.js';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { passwordConfFile, type PasswordConf } from '../../../freeipa/password-conf.js';
import { onServer } from '../../../freeipa/server-file.js';
import { assertSqlDatabase, databaseFacts } from '../../../nss/database.js';
import { internalToken } from '../../../nss/internal-token.js';
import { ownPrefix, sweepAbandoned } from '../../../platform/abandoned.js';
import { writeDurably } from '../../../platform/durable-file.js';
import type { Account } from '../../../platform/service-user.js';
import { askService } from '../../../service/ask.js';

/** certmonger reads a PIN from a file of its own only, and password.conf holds several. */
export function pinFileOf(directories: Directories, instance: string): string {
  return path.join(directories.config, `${instance}.pin`);
}

export function nssPinFileOf(directories: Directories, instance: string): string {
  return path.join(directories.config, `${instance}.nss-pin`);
}

/** A PIN file setup looks after: its path is one of the two above, its content the line of password.conf. */
export interface PinFile {
  readonly file: string;
  /** For a person: file and line it comes from. */
  readonly from: string;
  readonly pin: Buffer;
}

/** The PIN files that do not say what password.conf says. One that the instance file puts elsewhere is its administrator's. */
export function stalePinFiles(instance: Instance, directories: Directories, passwords: PasswordConf, root: string): PinFile[] {
  const { token, nss } = instance;
  const label = token?.selector.by === 'label' ? token.selector.label : '';
  const conf = onServer(root, passwordConfFile);
  const wanted = [
    {
      file: pinFileOf(directories, instance.name),
      used: token?.pin.from === 'file' ? token.pin.path : undefined,
      from: `the line 'hardware-${label}=' of ${conf}`,
      pin: passwords.hardware.get(label),
    },
    {
      file: nssPinFileOf(directories, instance.name),
      used: nss.passwordFile,
      from: `the line 'internal=' of ${conf}`,
      pin: passwords.internal,
    },
  ];
  return wanted.flatMap(({ file, used, from, pin }) =>
    used === file && pin !== undefined && !saysSo(file, pin) ? [{ file, from, pin }] : [],
  );
}

/** Writes the file so that a reader sees the whole of it or nothing: 0600, the service user's, on the disk before it gets its name. */
export function writePinFile({ file, pin }: Pick<PinFile, 'file' | 'pin'>, owner: Account): void {
  const line = Buffer.concat([pin, Buffer.from('\n')]);
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    writeDurably(file, line, { owner });
  } catch (error) {
    throw new HsmongerError('PIN_SOURCE_INVALID', `Cannot write the PIN file ${file}: ${sentenceOf(error)}.`, { cause: error });
  } finally {
    line.fill(0);
  }
}

/**
 * Tries the PINs that lie in no file of ours yet, and are remembered by what they are: stand-ins in memory are new files every time, and
 * with them each run would spend one more attempt on a PIN that is wrong (design rule 4). The NSS database is tried as the token it is.
 */
export async function provePins(place: InstanceSite, stale: readonly PinFile[]): Promise<void> {
  const { instance, directories } = place;
  const variable = 'HSMONGER_PIN';
  for (const { file, pin } of stale) {
    const token = file === pinFileOf(directories, instance.name) ? tokenOf(instance) : databaseOf(instance);
    await askService(
      { directories, instance: { ...instance, token: { ...token, pin: { from: 'environment', variable } } } },
      'inspect token',
      { keys: true },
      { pins: { [variable]: pin.toString('utf8') } },
    );
  }
}

function databaseOf({ nss }: Instance): TokenConfig {
  // softokn would make one where there is none.
  assertSqlDatabase(nss.database, databaseFacts(nss.database));
  return internalToken(nss);
}

const purpose = 'hsmonger-setup';

/**
 * Runs `use` with the instance as it will be, but with PIN files in memory in place of those not written yet: who decides has not agreed
 * to them. They are gone afterwards; those of a killed run are swept by the next.
 */
export async function withPinsInMemory<T>(
  instance: Instance,
  stale: readonly PinFile[],
  account: Account,
  use: (instance: Instance) => Promise<T>,
  memory = '/dev/shm',
): Promise<T> {
  sweepAbandoned(memory, purpose);
  if (stale.length === 0) return use(instance);
  const directory = mkdtempSync(ownPrefix(memory, purpose));
  try {
    // Root's own: what is made in it is made by nobody else.
    chmodSync(directory, 0o711);
    const standIn = (file: string | undefined) => {
      const found = stale.find((one) => one.file === file);
      return found === undefined ? file : path.join(directory, path.basename(found.file));
    };
    for (const { file, pin } of stale) writePinFile({ file: path.join(directory, path.basename(file)), pin }, account);
    const { token, nss } = instance;
    const pinFile = token?.pin.from === 'file' ? standIn(token.pin.path) : undefined;
    const passwordFile = standIn(nss.passwordFile);
    return await use({
      ...instance,
      ...(token === undefined || pinFile === undefined ? {} : { token: { ...token, pin: { from: 'file', path: pinFile } } }),
      nss: { ...nss, ...(passwordFile === undefined ? {} : { passwordFile }) },
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function saysSo(file: string, pin: Buffer): boolean {
  try {
    const content = readFileSync(file);
    const same = content.equals(Buffer.concat([pin, Buffer.from('\n')]));
    content.fill(0);
    return same;
  } catch {
    return false;
  }
}
