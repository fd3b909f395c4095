import { createHash } from 'node:crypto';
import { closeSync, existsSync, lstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { agentConfFile } from '../config/agent-conf.js';
import { stateDirectory } from '../config/directories.js';
import type { Directories, Instance } from '../config/instance.js';
import { instanceFile } from '../config/load.js';
import { parseInstance } from '../config/schema.js';
import { HsmongerError } from '../errors.js';
import { accountOf, runningAsRoot } from '../platform/service-user.js';
import { distrustOf } from '../platform/trusted-path.js';
import { askService } from '../service/ask.js';
import { partBytes, type Piece, type Settled } from '../service/tasks/state/state-parts.js';
import { unpack, withStaging } from './backup/archive.js';
import { holdingLedger, type HeldLedger } from './backup/hold-ledger.js';
import { parseManifest, type InstanceBackup, type Manifest } from './backup/manifest.js';
import { swapDirectories } from './backup/swap.js';
import { toldCrlNumber } from './ca/told-crl-number.js';
import type { AddCommand, Surroundings } from './command.js';
import { absolutePath, directoriesOf, type GlobalOptions } from './global-options.js';
import { harmless, json } from './output.js';
import { assertTrustedPlace, writeInstanceFile } from './setup/write-instance.js';
import { removeState, stateExists } from './state-directory.js';

interface RestoreOptions extends GlobalOptions {
  readonly file: string | undefined;
  readonly replace: readonly string[] | undefined;
  readonly above: string | undefined;
}

/** One instance of the backup, checked. */
interface Order {
  readonly backup: InstanceBackup;
  readonly instance: Instance;
  /** Of its file. */
  readonly text: string;
  /** Where the backup has it. */
  readonly source: string;
}

/** What became of an instance. */
interface Placed {
  readonly settled?: Settled;
  /** Where the state is that was there. */
  readonly aside?: string;
  /** Where that is which other processes began in the moment in between. */
  readonly begun?: readonly string[];
}

/** `restore`: puts a backup in place. What is there already is kept aside, and replaced only for instances that are typed. */
export const addRestore: AddCommand = (yargs, run) =>
  yargs.command(
    'restore <file>',
    'Put ledgers, state and instance files back from a file that backup made',
    (restore) =>
      restore
        .positional('file', { type: 'string', demandOption: true, coerce: absolutePath, describe: 'What backup made' })
        .option('replace', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'Name of an instance that is there already and is to be replaced, repeatable; what is there is kept beside it',
        })
        .option('above', {
          type: 'string',
          requiresArg: true,
          coerce: crlNumber,
          describe:
            'Number of the last published CRL (openssl crl -crlnumber), decimal or 0x…; the next one is above it [one a second since the backup]',
        })
        .example('hsmonger restore /root/hsmonger-2026-11-26.tar --replace hsmonger --above 0x2A', ''),
    run(restore),
  );

/** As openssl prints it, or decimal; decimal again. */
function crlNumber(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (!/^(?:0x[0-9a-f]{1,40}|\d{1,48})$/iu.test(value))
    throw new HsmongerError('USAGE', `--above wants the number of a CRL, decimal or as openssl prints it (0x2A), not '${value}'.`);
  return toldCrlNumber(value);
}

async function restore(options: RestoreOptions, { io, env, clock }: Surroundings): Promise<number> {
  if (!runningAsRoot())
    throw new HsmongerError(
      'NOT_PERMITTED',
      'restore writes instance files, and the state of every instance as its service user: run it as root.',
    );
  const file = options.file ?? '';
  assertReadable(file);
  const directories = directoriesOf(options, env);
  const done = await withStaging(file, async (staging) => {
    await unpack(file, staging);
    const manifest = parseManifest(contentOf(file, path.join(staging, 'manifest.json')), file);
    const orders = manifest.instances.map((backup) => ordered(backup, staging, directories, file));
    assertReplaceable(orders, directories, options, file);
    restoreAgentConf(manifest, staging, directories, file);
    const results: (Placed & { readonly name: string })[] = [];
    for (const order of orders) results.push({ name: order.backup.name, ...(await put(order, manifest, directories, options, clock())) });
    return results;
  });
  if (options.json) io.out(json(done));
  else {
    for (const { name, settled, aside, begun = [] } of done) {
      io.out(
        `${harmless(name)}: restored${settled === undefined ? '; it had no state' : `; the next CRL has a number above ${settled.crlNumber}`}${aside === undefined ? '' : `; what was there is kept in ${harmless(aside)}`}\n`,
      );
      if (settled !== undefined && settled.dropped.length > 0)
        io.out(
          `${harmless(name)}: a saving was in progress when the backup was made, and is not gone on with: ${settled.dropped.map((nickname) => `'${harmless(nickname)}'`).join(', ')}; 'hsmonger status' says whether all is in place\n`,
        );
      for (const other of begun)
        io.err(
          `hsmonger: ${harmless(`Another process began a new state for '${name}' in the moment it was replaced; it is kept in ${other}, and what was issued in it is not in the restored ledger.`)}\n`,
        );
    }
    io.err(
      "hsmonger: certificates issued and revoked after the backup was made are not in the ledger; PIN files, keys and NSS databases were not in it. Run 'hsmonger setup --instance NAME' for each instance, then 'hsmonger doctor'.\n",
    );
  }
  return 0;
}

function assertReadable(file: string): void {
  if (!existsSync(file)) throw new HsmongerError('BACKUP_INVALID', `There is no backup ${file}.`);
  const distrust = distrustOf(file);
  if (distrust !== undefined)
    throw new HsmongerError(
      'CONFIG_UNSAFE',
      `Refusing ${file}: ${distrust}. Whoever could write it chose what runs as the service users; copy it into a directory of root's, such as /root.`,
    );
}

/** What is in the backup is read as if anybody had written it: by the names and hashes of its manifest alone. */
function ordered(backup: InstanceBackup, staging: string, directories: Directories, file: string): Order {
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
  return { backup, instance, text, source };
}

/** Nothing that is there is replaced by a slip: the instance's name has to be typed. */
function assertReplaceable(orders: readonly Order[], directories: Directories, { replace = [] }: RestoreOptions, file: string): void {
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

function restoreAgentConf(manifest: Manifest, staging: string, directories: Directories, file: string): void {
  if (manifest.agentConf === undefined) return;
  const content = contentOf(file, path.join(staging, 'agent.conf'), manifest.agentConf);
  const target = agentConfFile(directories);
  // What somebody has written here since is not the instances' business.
  if (!existsSync(target)) writeInstanceFile(target, content);
}

/**
 * Beside the state there is, whole and checked; then in its place, by the name alone. Killed at any point, either the old or the new one is
 * there, or both are beside it and a second run goes on.
 */
async function put(
  { backup, instance, text, source }: Order,
  manifest: Manifest,
  directories: Directories,
  { above }: RestoreOptions,
  now: Date,
): Promise<Placed> {
  const place = { instance, directories };
  const directory = stateDirectory(directories, instance);
  if (backup.parts.length === 0) {
    writeInstanceFile(instance.file, text);
    return {};
  }
  // No instance's name begins with a dot.
  const aside = { instance: { ...instance, name: `.restoring.${instance.name}` }, directories };
  await askService(aside, 'empty state', undefined);
  try {
    await send(aside, path.join(source, 'state'), backup.parts);
    const replace = async (held?: HeldLedger): Promise<Placed> => {
      const replaced = highest(held?.mark?.crlNumber, await putAside(place));
      const settled = await askService(
        aside,
        'settle restored state',
        {
          parts: backup.parts,
          backedUpAt: manifest.at,
          ...(replaced === undefined ? {} : { replaced }),
          ...(above === undefined ? {} : { published: above }),
        },
        { timeoutMs: 3_600_000 },
      );
      held?.assertHeld();
      const kept =
        held === undefined
          ? undefined
          : path.join(directories.state, `.replaced.${instance.name}.${now.toISOString().replace(/[:.]/gu, '')}`);
      const begun = swapDirectories({
        from: stateDirectory(directories, aside.instance),
        to: directory,
        ...(kept === undefined ? {} : { aside: kept }),
      });
      writeInstanceFile(instance.file, text);
      return { settled, ...(kept === undefined ? {} : { aside: kept }), ...(begun.length === 0 ? {} : { begun }) };
    };
    // From the look at what is replaced until it is: who is writing into it is waited for, or in the way, and who comes after finds the new
    // one.
    return await (stateExists(place) ? holdingLedger(place, replace) : replace());
  } catch (error) {
    if (stateExists(aside)) await removeState(aside).catch(() => undefined);
    throw error;
  }
}

/** The last CRL number of what a restore before this one put aside: it may have been killed before anything took its place. Decimal. */
async function putAside({
  instance,
  directories,
}: {
  readonly instance: Instance;
  readonly directories: Directories;
}): Promise<string | undefined> {
  const prefix = `.replaced.${instance.name}.`;
  // Named by their time, behind a name that may begin like another's.
  const last = existsSync(directories.state)
    ? readdirSync(directories.state)
        .filter((name) => name.startsWith(prefix) && /^\d{4}-\d{2}-\d{2}T\d+Z$/u.test(name.slice(prefix.length)))
        .sort()
        .at(-1)
    : undefined;
  if (last === undefined) return undefined;
  const place = { instance: { ...instance, name: last }, directories };
  return stateExists(place) ? (await askService(place, 'mark of ledger', undefined))?.crlNumber : undefined;
}

/** Of decimal numbers. */
function highest(...numbers: readonly (string | undefined)[]): string | undefined {
  return numbers
    .flatMap((number) => (number === undefined ? [] : [BigInt(number)]))
    .sort((a, b) => (a < b ? -1 : 1))
    .at(-1)
    ?.toString();
}

/** Small files together, large ones in pieces. */
async function send(
  place: { readonly instance: Instance; readonly directories: Directories },
  source: string,
  parts: InstanceBackup['parts'],
): Promise<void> {
  let pieces: Piece[] = [];
  let room = partBytes;
  const flush = async () => {
    await askService(place, 'write state parts', { pieces });
    pieces = [];
    room = partBytes;
  };
  for (const { name, size } of parts) {
    const descriptor = openSync(path.join(source, name), 'r');
    try {
      for (let offset = 0; ;) {
        const buffer = Buffer.alloc(Math.min(room, size - offset));
        const bytes = buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, offset));
        pieces.push({ name, offset, bytes });
        offset += bytes.length;
        room -= bytes.length;
        if (room === 0) await flush();
        if (offset >= size || bytes.length === 0) break;
      }
    } finally {
      closeSync(descriptor);
    }
  }
  if (pieces.length > 0) await flush();
}

function contentOf(file: string, member: string, sha256?: string): string {
  const stats = lstatSync(member, { throwIfNoEntry: false });
  if (stats?.isFile() !== true || stats.size > 16 * 1024 * 1024)
    throw new HsmongerError('BACKUP_INVALID', `${file} is no backup of hsmonger: it has no ${path.basename(member)}.`);
  const content = readFileSync(member);
  if (sha256 !== undefined && createHash('sha256').update(content).digest('hex') !== sha256)
    throw new HsmongerError('BACKUP_INVALID', `${file} is damaged: ${path.basename(member)} is not what its manifest says.`);
  return content.toString('utf8');
}
