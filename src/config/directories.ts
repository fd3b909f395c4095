import path from 'node:path';
import type { Directories, Instance } from './instance.js';

export const defaultDirectories: Directories = { config: '/etc/hsmonger', state: '/var/lib/hsmonger' };

/** Directories from explicit flags, else the environment, else the defaults; relative paths are made absolute. */
export function directoriesFrom(
  flags: { readonly configDir?: string | undefined; readonly stateDir?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Directories {
  return {
    config: path.resolve(flags.configDir ?? env['HSMONGER_CONFIG_DIR'] ?? defaultDirectories.config),
    state: path.resolve(flags.stateDir ?? env['HSMONGER_STATE_DIR'] ?? defaultDirectories.state),
  };
}

/** The instance's own state directory: the service user's, 0700. */
export function stateDirectory(directories: Directories, instance: Pick<Instance, 'name'>): string {
  return path.join(directories.state, instance.name);
}

/**
 * A name for what a service user does on a token that flags describe, with state of its own: it must not be made for the wrong user in the
 * place of an instance. No instance's name begins with a dot.
 */
export function nameByFlags(user: string): string {
  return path.join('.by-flags', user);
}

/** The instance's ledger: everything we must remember, in one SQLite file. */
export function ledgerFile(directories: Directories, instance: Pick<Instance, 'name'>): string {
  return path.join(stateDirectory(directories, instance), 'ledger.sqlite');
}

/**
 * Where a service user's failed logins are remembered: one place for all its instances, which may share a token and a PIN file, and a
 * wrong PIN may cost one attempt only (design rule 4). No instance's name begins with a dot.
 */
export function pinsDirectory(directories: Directories, instance: Pick<Instance, 'user'>): string {
  return path.join(directories.state, '.pins', instance.user);
}

/** Its own file: it is locked while a login runs, the ledger while something is issued. */
export function pinsFile(directories: Directories, instance: Pick<Instance, 'user'>): string {
  return path.join(pinsDirectory(directories, instance), 'pins.sqlite');
}

/** Locked while root initialises a token, for any instance and by whichever service user; beside their directories. */
export function tokenInitLock(directories: Directories): string {
  return path.join(directories.state, '.token-init.lock');
}

/** The same for a service user who does it, and can write in no directory of root's. */
export function ownTokenInitLock(directories: Directories, instance: Pick<Instance, 'user'>): string {
  return path.join(pinsDirectory(directories, instance), 'token-init.lock');
}

/**
 * The flags that let a process started by certmonger, whose environment is cleared, find the same directories again:
 * none where they are the defaults (design rule 12).
 */
export function directoryFlags(directories: Directories): string[] {
  const flags: string[] = [];
  if (directories.config !== defaultDirectories.config) flags.push('--config-dir', directories.config);
  if (directories.state !== defaultDirectories.state) flags.push('--state-dir', directories.state);
  return flags;
}
