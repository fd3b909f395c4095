import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { agentConfFile, loadAgentConf } from '../config/agent-conf.js';
import type { Instance, InstanceSite } from '../config/instance.js';
import { instanceNames, loadInstance } from '../config/load.js';
import { pinPathOf } from '../config/token-of.js';
import { HsmongerError } from '../errors.js';
import { runningAsRoot } from '../platform/service-user.js';
import { askService } from '../service/ask.js';
import { pack, withStaging } from './backup/archive.js';
import { manifestText, takenOverName, type InstanceBackup } from './backup/manifest.js';
import { partName, type StatePart } from '../service/tasks/state/state-parts.js';
import type { AddCommand, Surroundings } from './command.js';
import { absolutePath } from './flags.js';
import { directoriesOf, type GlobalOptions } from './global-options.js';
import { harmless, json } from './output.js';
import { readTakenOver, takenOverFile } from './setup/freeipa/memory.js';
import { assertTrustedPlace } from './setup/write-instance.js';
import { stateExists } from './state-directory.js';
import { version } from './version.js';

interface BackupOptions extends GlobalOptions {
  readonly file: string | undefined;
}

/** Of files whose pieces are asked for at once. */
const mostNames = 1000;

/** `backup`: what no other program can make again: ledgers, journals, archived certificates, instance files. Never a PIN, never a key. */
export const addBackup: AddCommand = (yargs, run) =>
  yargs.command(
    'backup <file>',
    'Keep ledgers, state and instance files of all instances in one file; PINs and keys are not in it',
    (backup) =>
      backup
        .positional('file', {
          type: 'string',
          demandOption: true,
          coerce: absolutePath,
          describe: 'tar archive to make, which must not be there yet',
        })
        .example('hsmonger backup /root/hsmonger-2026-11-26.tar', ''),
    run(backup),
  );

async function backup(options: BackupOptions, { io, env, clock }: Surroundings): Promise<number> {
  if (!runningAsRoot())
    throw new HsmongerError('NOT_PERMITTED', 'backup reads the state of every instance, as its service user: run it as root.');
  const file = options.file ?? '';
  assertTrustedPlace(file);
  const directories = directoriesOf(options, env);
  const instances = instanceNames(directories).map((name) => loadInstance(directories, name));
  if (instances.length === 0)
    throw new HsmongerError('CONFIG_NOT_FOUND', `There is no instance file in ${directories.config}, so there is nothing to keep.`);
  const at = clock();
  const kept = await withStaging(file, async (staging) => {
    // Here, so that what a run before this one left beside the file it had finished is swept.
    if (existsSync(file)) throw new HsmongerError('USAGE', `${file} is there already, and a backup replaces nothing: name another file.`);
    const backups: InstanceBackup[] = [];
    for (const instance of instances) backups.push(await stage({ instance, directories }, path.join(staging, instance.name)));
    const conf = agentConfFile(directories);
    // Refused where others can write it, as it is when it is used.
    loadAgentConf(directories);
    const agentConf = existsSync(conf) ? copied(conf, path.join(staging, 'agent.conf')) : undefined;
    writeFileSync(
      path.join(staging, 'manifest.json'),
      manifestText({ version: version(), host: hostname(), at, ...(agentConf === undefined ? {} : { agentConf }), instances: backups }),
      { mode: 0o600 },
    );
    await pack(staging, file);
    return backups;
  });
  tell(kept, instances, file, options, io);
  return 0;
}

/** Root writes what the process that has dropped reads: names and sizes are its own, checked against what a backup may hold. */
async function stage(place: InstanceSite, directory: string): Promise<InstanceBackup> {
  const { instance } = place;
  mkdirSync(directory, { mode: 0o700 });
  const file = copied(instance.file, path.join(directory, 'instance.toml'));
  // Refused where others can write it, as it is when it is used.
  const takenOver =
    readTakenOver(place.directories, instance.name) === undefined
      ? undefined
      : copied(takenOverFile(place.directories, instance.name), path.join(directory, takenOverName));
  const own = { name: instance.name, user: instance.user, file, ...(takenOver === undefined ? {} : { takenOver }) };
  if (!stateExists(place)) return { ...own, parts: [] };
  try {
    const parts = await askService(place, 'begin backup', undefined, { timeoutMs: 3_600_000 });
    await received(place, parts, path.join(directory, 'state'));
    return { ...own, parts };
  } finally {
    await askService(place, 'end backup', undefined).catch(() => undefined);
  }
}

async function received(place: InstanceSite, parts: readonly StatePart[], directory: string): Promise<void> {
  for (const { name } of parts) {
    const target = path.join(directory, assertPart(name));
    mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
    writeFileSync(target, '', { mode: 0o600 });
  }
  let left = [...parts];
  for (let offset = 0; left.length > 0;) {
    const pieces = await askService(place, 'read state parts', { names: left.slice(0, mostNames).map(({ name }) => name), offset });
    let progress = false;
    for (const { bytes } of pieces) {
      const [part] = left;
      if (part === undefined) break;
      appendFileSync(path.join(directory, part.name), bytes);
      offset += bytes.length;
      progress ||= bytes.length > 0;
      if (offset < part.size) break;
      left = left.slice(1);
      offset = 0;
      progress = true;
    }
    if (!progress) break;
  }
  for (const { name, sha256 } of parts) {
    if (hashOf(path.join(directory, name)) !== sha256)
      throw new HsmongerError('STATE_BUSY', `'${name}' of instance '${place.instance.name}' changed while it was read; run backup again.`);
  }
}

function assertPart(name: string): string {
  if (partName.test(name)) return name;
  throw new HsmongerError('INTERNAL', `The process working as service user named a file '${name}', which no backup holds.`);
}

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** Gives the hash. */
function copied(from: string, to: string): string {
  const content = readFileSync(from);
  writeFileSync(to, content, { mode: 0o600 });
  return createHash('sha256').update(content).digest('hex');
}

function tell(
  kept: readonly InstanceBackup[],
  instances: readonly Instance[],
  file: string,
  { json: asJson }: GlobalOptions,
  io: Surroundings['io'],
): void {
  const tokens = (instance: Instance) => [instance.token, ...Object.values(instance.otherTokens ?? {})];
  const pinFiles = [
    ...new Set(
      instances
        .flatMap((instance) => [...tokens(instance).map((token) => pinPathOf(token?.pin)), instance.nss.passwordFile])
        .filter((one) => one !== undefined),
    ),
  ];
  if (asJson) {
    io.out(
      json({
        file,
        instances: kept.map(({ name, parts }) => ({ name, files: parts.length, bytes: parts.reduce((sum, { size }) => sum + size, 0) })),
        notInIt: pinFiles,
      }),
    );
    return;
  }
  for (const { name, parts } of kept)
    io.out(
      `${harmless(name)}: instance file and ${String(parts.length)} files of state, ${String(parts.reduce((sum, { size }) => sum + size, 0))} octets\n`,
    );
  io.out(`${harmless(file)}\n`);
  io.err(
    `hsmonger: not in it: keys, which are the HSM's own to keep (docs/backup.md), the NSS databases, and PINs${pinFiles.length === 0 ? '' : ` (${pinFiles.map(harmless).join(', ')})`}.\n`,
  );
}
