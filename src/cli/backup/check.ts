import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import type { Directories, Instance } from '../../config/instance.js';
import { instanceFile } from '../../config/load.js';
import { parseInstance } from '../../config/schema.js';
import { HsmongerError } from '../../errors.js';
import { accountOf } from '../../platform/service-user.js';
import { distrustOf } from '../../platform/trusted-path.js';
import { assertTrustedPlace } from '../setup/write-instance.js';
import { stateExists } from '../state-directory.js';
import { takenOverName, type InstanceBackup } from './manifest.js';

/** One instance of the backup, checked. */
export interface Order {
  readonly backup: InstanceBackup;
  readonly instance: Instance;
  /** Of its file. */
  readonly text: string;
  /** Of what says how to give an IPA server's requests back. */
  readonly takenOver: string | undefined;
  /** Where the backup has it. */
  readonly source: string;
}

/** BACKUP_INVALID where there is none, CONFIG_UNSAFE where others could have written it. */
export function assertReadable(file: string): void {
  if (!existsSync(file)) throw new HsmongerError('BACKUP_INVALID', `There is no backup ${file}.`);
  const distrust = distrustOf(file);
  if (distrust !== undefined)
    throw new HsmongerError(
      'CONFIG_UNSAFE',
      `Refusing ${file}: ${distrust}. Whoever could write it chose what runs as the service users; copy it into a directory of root's, such as /root.`,
    );
}

/** What is in the backup is read as if anybody had written it: by the names and hashes of its manifest alone. */
export function ordered(backup: InstanceBackup, staging: string, directories: Directories, file: string): Order {
  const source = path.join(staging, backup.name);
  const text = contentOf(file, path.join(source, 'instance.toml'), backup.file);
  const target = instanceFile(directories, backup.name);
  const instance = parseInstance(backup.name, target, parse(text));
  if (instance.user !== backup.user)
    throw new HsmongerError(
      'BACKUP_INVALID',
      `${file} is damaged: its manifest and the file of instance '${backup.name}' name different service users.`,
    );
  accountOf(instance.user);
  for (const part of backup.parts) {
    const stats = lstatSync(path.join(source, 'state', part.name), { throwIfNoEntry: false });
    if (stats?.isFile() !== true || stats.size !== part.size)
      throw new HsmongerError('BACKUP_INVALID', `${file} is damaged: '${part.name}' of instance '${backup.name}' is not in it whole.`);
  }
  assertTrustedPlace(target);
  const takenOver = backup.takenOver === undefined ? undefined : contentOf(file, path.join(source, takenOverName), backup.takenOver);
  return { backup, instance, text, takenOver, source };
}

/** Nothing that is there is replaced by a slip: the instance's name has to be typed. */
export function assertReplaceable(orders: readonly Order[], directories: Directories, replace: readonly string[], file: string): void {
  const stranger = replace.find((name) => !orders.some(({ backup }) => backup.name === name));
  if (stranger !== undefined)
    throw new HsmongerError(
      'USAGE',
      `${file} has no instance '${stranger}'; it has ${orders.map(({ backup }) => `'${backup.name}'`).join(', ') || 'none'}.`,
    );
  const there = orders
    .filter(
      ({ instance, text }) =>
        stateExists({ directories, instance }) || (existsSync(instance.file) && readFileSync(instance.file, 'utf8') !== text),
    )
    .map(({ backup }) => backup.name);
  const refused = there.filter((name) => !replace.includes(name));
  if (refused.length > 0)
    throw new HsmongerError(
      'USAGE',
      `${refused.map((name) => `'${name}'`).join(', ')} ${refused.length === 1 ? 'is' : 'are'} there already, with an instance file or state; nothing was restored. To replace what is there, which is kept aside, say ${refused.map((name) => `--replace ${name}`).join(' ')}.`,
    );
}

/** What the archive has under that name, of the hash it says; BACKUP_INVALID otherwise. `file` is the archive. */
export function contentOf(file: string, member: string, sha256?: string): string {
  const stats = lstatSync(member, { throwIfNoEntry: false });
  if (stats?.isFile() !== true || stats.size > 16 * 1024 * 1024)
    throw new HsmongerError('BACKUP_INVALID', `${file} is no backup of hsmonger: it has no ${path.basename(member)}.`);
  const content = readFileSync(member);
  if (sha256 !== undefined && createHash('sha256').update(content).digest('hex') !== sha256)
    throw new HsmongerError('BACKUP_INVALID', `${file} is damaged: ${path.basename(member)} is not what its manifest says.`);
  return content.toString('utf8');
}
