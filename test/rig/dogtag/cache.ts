import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../../src/platform/run.js';
import type { Account } from '../../../src/platform/service-user.js';
import { startChroot } from './chroot.js';
import { deploy, type Variant } from './deploy.js';
import { installPackages } from './packages.js';

/** Where built rigs are kept between runs: root's, but open to enter. */
const cacheDirectory = (): string => process.env['HSMONGER_TEST_CACHE'] ?? '/var/cache/hsmonger-tests';

/** Where rigs run: beside each other, on disk, and as short as a socket below it has to be. */
const runDirectory = '/var/tmp';
const prefix = 'dogtag-rig-';

/**
 * The archive of a rig with nothing running, built when there is none for this recipe: seven minutes the first time, four more for each
 * variant.
 */
export async function cachedRig(variant: Variant, owner: Account): Promise<string> {
  const names = namesOf(variant, owner);
  return cached(names.rig, async (root) => {
    await unpack(await cached(names.packages, (bare) => installPackages(bare, owner)), root);
    const chroot = await startChroot(root);
    try {
      await deploy(chroot, variant, owner);
    } finally {
      await chroot.stop();
    }
  });
}

/** Whether cachedRig() has nothing to build. */
export function isRigCached(variant: Variant, owner: Account): boolean {
  return existsSync(archiveOf(namesOf(variant, owner).rig));
}

function namesOf(variant: Variant, owner: Account): Readonly<Record<'packages' | 'rig', string>> {
  const packagesKey = keyOf(['packages.ts'], `${String(owner.uid)}:${String(owner.gid)}`);
  return {
    packages: `dogtag-packages-${packagesKey}`,
    rig: `dogtag-${keyOf(['deploy.ts', 'pkispawn.ts', 'agent.ts'], `${packagesKey} ${JSON.stringify(variant)}`)}`,
  };
}

/** A new directory with what the archive holds; goes with removeRoot(). What killed processes left of theirs goes first. */
export async function unpackRig(archive: string): Promise<string> {
  sweep();
  const root = newRoot();
  await unpack(archive, root);
  return root;
}

export function removeRoot(root: string): void {
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
}

const archiveOf = (name: string) => path.join(cacheDirectory(), `${name}.tar`);

/** Several may build at once: the archive appears whole, by renaming, and the later one wins. */
async function cached(name: string, build: (root: string) => Promise<void>): Promise<string> {
  const archive = archiveOf(name);
  if (existsSync(archive)) return archive;
  mkdirSync(cacheDirectory(), { recursive: true });
  sweep();
  const root = newRoot();
  try {
    await build(root);
    const half = `${archive}.${String(process.pid)}`;
    await run('tar', ['--create', '--file', half, '--directory', root, '--numeric-owner', '--exclude=./run/*', '--exclude=./tmp/*', '.'], {
      timeoutMs: 300_000,
    });
    renameSync(half, archive);
  } finally {
    removeRoot(root);
  }
  return archive;
}

const unpack = (archive: string, root: string) =>
  run('tar', ['--extract', '--file', archive, '--directory', root, '--numeric-owner', '--preserve-permissions'], { timeoutMs: 300_000 });

function keyOf(sources: readonly string[], more: string): string {
  const hash = createHash('sha256').update(more);
  for (const source of sources) hash.update(readFileSync(path.join(import.meta.dirname, source)));
  return hash.digest('hex').slice(0, 16);
}

/** Named after the process whose it is. */
function newRoot(): string {
  const root = mkdtempSync(path.join(runDirectory, `${prefix}${String(process.pid)}-`));
  // The service user works in there.
  chmodSync(root, 0o755);
  return root;
}

function sweep(): void {
  for (const name of readdirSync(runDirectory)) {
    const pid = name.startsWith(prefix) ? /^\d+/u.exec(name.slice(prefix.length))?.[0] : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeRoot(path.join(runDirectory, name));
  }
}
