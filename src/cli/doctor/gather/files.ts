import { lstatSync, readdirSync, type Stats } from 'node:fs';
import path from 'node:path';
import { agentConfFile } from '../../../config/agent-conf.js';
import { pinsDirectory, stateDirectory } from '../../../config/directories.js';
import type { FileRole, FilesFacts, FileStat, SeenFile } from '../../../doctor/facts/files.js';
import { databaseFacts } from '../../../nss/database.js';
import { installation } from '../../../platform/installation.js';
import { accountOf } from '../../../platform/service-user.js';
import { distrustOf } from '../../../platform/trusted-path.js';
import { askService } from '../../../service/ask.js';
import { ownerNamed } from './owner.js';
import { asked, type Gathering } from './gathering.js';
import { gatherSelinux } from './selinux.js';

/** Owners and modes of everything renewals rest on. Only looked at, never opened: much of it is the service user's. */
export async function gatherFiles({ place }: Pick<Gathering, 'place'>): Promise<FilesFacts> {
  const { instance, directories } = place;
  const account = accountOf(instance.user);
  const files: SeenFile[] = [
    ...[instance.file, ...existing(agentConfFile(directories))].map((file) => guarded(file, { is: 'configuration' })),
    ...programs.map((name) => guarded(path.join(installation().executables, name), { is: 'program' })),
    guarded(process.execPath, { is: 'program' }),
    seen(instance.nss.database, { is: 'database directory' }),
    ...databaseFacts(instance.nss.database)
      .files.filter(({ name }) => ['cert9.db', 'key4.db', 'pkcs11.txt'].includes(name))
      .map(({ name }) => seen(path.join(instance.nss.database, name), { is: 'database' })),
    ...[stateDirectory(directories, instance), pinsDirectory(directories, instance)].flatMap((directory) => [
      seen(directory, { is: 'state directory' }),
      ...within(directory),
    ]),
    ...(await certificateFiles(instance)),
    ...(instance.issuer.type === 'dogtag' && instance.issuer.agent !== undefined
      ? [seen(instance.issuer.agent.certificate, { is: 'agent certificate' }), seen(instance.issuer.agent.key, { is: 'agent key' })]
      : []),
    ...(instance.freeipa === undefined ? [] : existing(instance.freeipa.lockFile).map((file) => seen(file, { is: 'renewal lock' }))),
  ];
  const looked = files.flatMap(({ file, role }) => (role.is === 'certificate' || role.is === 'key' ? [] : [file]));
  const keepsCopies = instance.pki !== undefined;
  return {
    account: { name: account.name, uid: account.uid, gid: account.gid },
    files,
    selinux: await asked(() => gatherSelinux(looked)),
    ...(keepsCopies ? { pkiConfig: await asked(() => askService(place, 'read PKI configuration', undefined)) } : {}),
  };
}

const programs = ['hsmonger', 'hsmonger-submit', 'hsmonger-pre-save', 'hsmonger-post-save', 'lib/worker.cjs'];

function existing(file: string): string[] {
  return lstatSync(file, { throwIfNoEntry: false }) === undefined ? [] : [file];
}

function seen(file: string, role: FileRole): SeenFile {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  return { file, role, ...(stats === undefined ? {} : { stat: statOf(stats) }) };
}

/** The same, and whether others than root could replace it. */
function guarded(file: string, role: FileRole): SeenFile {
  const one = seen(file, role);
  const distrust = one.stat === undefined ? undefined : distrustOf(file);
  return distrust === undefined ? one : { ...one, distrust };
}

function within(directory: string): SeenFile[] {
  if (lstatSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(directory).flatMap((name) => {
    const file = path.join(directory, name);
    const one = seen(file, { is: lstatSync(file, { throwIfNoEntry: false })?.isDirectory() === true ? 'state directory' : 'state' });
    // SQLite's journals come and go.
    return one.stat === undefined ? [] : [one];
  });
}

async function certificateFiles({ certificates }: Gathering['place']['instance']): Promise<SeenFile[]> {
  const found: SeenFile[] = [];
  for (const { nickname, storage } of certificates) {
    if (storage.kind !== 'file') continue;
    const wanted = {
      nickname,
      ...(storage.owner === undefined ? {} : { owner: await ownerNamed(storage.owner) }),
      ...(storage.mode === undefined ? {} : { mode: storage.mode }),
    };
    found.push(seen(storage.certificate, { is: 'certificate', ...wanted }), seen(storage.key, { is: 'key', ...wanted }));
  }
  return found;
}

function statOf(stats: Stats): FileStat {
  return {
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other',
    uid: stats.uid,
    gid: stats.gid,
    mode: stats.mode & 0o7777,
    size: stats.size,
  };
}
