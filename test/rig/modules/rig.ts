import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TokenConfig } from '../../../src/config/instance.js';
import type { Account } from '../../../src/platform/service-user.js';

/** A token behind some PKCS#11 module, empty, with a user PIN. What differs from module to module is in `token` alone. */
export interface ModuleRig {
  readonly name: string;
  readonly token: TokenConfig;
  readonly label: string;
  readonly pin: string;
  /** 0600, the owner's. */
  readonly pinFile: string;
  /** Whose all files are; nobody means: whoever runs this. */
  readonly owner?: Account;
  /** Ends what was started for the module; files stay. */
  stop(): Promise<void>;
}

export interface RigPlace {
  /** Of its own, enterable by the owner. */
  readonly directory: string;
  readonly owner?: Account;
}

export type MakeRig = (place: RigPlace) => Promise<ModuleRig>;

export const userPin = 'user-pin-1234';
export const securityOfficerPin = 'so-pin-5678';

/** A directory of the owner's, 0700. */
export function ownDirectory({ directory, owner }: RigPlace, name: string): string {
  const made = path.join(directory, name);
  mkdirSync(made, { mode: 0o700, recursive: true });
  if (owner !== undefined) chownSync(made, owner.uid, owner.gid);
  return made;
}

/** A file of the owner's with one line, 0600. */
export function ownFile({ directory, owner }: RigPlace, name: string, line: string): string {
  const made = path.join(directory, name);
  writeFileSync(made, `${line}\n`, { mode: 0o600 });
  if (owner !== undefined) chownSync(made, owner.uid, owner.gid);
  return made;
}

/** A library that Debian keeps in its architecture's directory. */
export function library(name: string): string {
  return path.join('/usr/lib/x86_64-linux-gnu', name);
}

export function withOwner({ owner }: RigPlace): { readonly owner?: Account } {
  return owner === undefined ? {} : { owner };
}
