import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { HsmongerError, sentenceOf } from '../errors.js';
import { distrustOf } from '../platform/trusted-path.js';
import type { Directories, Instance } from './instance.js';
import { parseInstance } from './schema.js';
import { identifier } from './schema/values.js';

const maxBytes = 1024 * 1024;

/** The instance's file, whether it exists or not. */
export function instanceFile(directories: Directories, name: string): string {
  return path.join(directories.config, `${name}.toml`);
}

/** Reads, distrusts and checks one instance file (design rule 6: root's, and writable by nobody else). */
export function loadInstance(directories: Directories, name: string): Instance {
  if (!identifier.test(name)) {
    throw new HsmongerError(
      'CONFIG_NOT_FOUND',
      `There is no instance '${name}': its name may hold only letters, digits, '.', '_' and '-'.`,
    );
  }
  const file = instanceFile(directories, name);
  return parseInstance(name, file, parseToml(file, readTrusted(file, name)));
}

/** The names of all instances there are files for, sorted. */
export function instanceNames(directories: Directories): string[] {
  try {
    return readdirSync(directories.config)
      .filter((entry) => entry.endsWith('.toml'))
      .map((entry) => entry.slice(0, -'.toml'.length))
      .filter((name) => identifier.test(name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new HsmongerError('CONFIG_NOT_FOUND', `Cannot list ${directories.config}: ${sentenceOf(error)}.`, { cause: error });
  }
}

function readTrusted(file: string, name: string): string {
  try {
    const distrust = distrustOf(file);
    if (distrust !== undefined) {
      throw new HsmongerError(
        'CONFIG_UNSAFE',
        `Refusing ${file}: ${distrust}. Whoever can write it chooses what runs as the service user; chown root and chmod go-w what is named.`,
      );
    }
    const stats = statSync(file);
    if (!stats.isFile() || stats.size > maxBytes)
      throw new HsmongerError('CONFIG_INVALID', `${file} is not a regular file of at most 1 MiB.`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      throw new HsmongerError(
        'CONFIG_NOT_FOUND',
        `There is no instance '${name}': ${file} does not exist. Make it with 'hsmonger setup --instance ${name}'.`,
        { cause: error },
      );
    }
    throw new HsmongerError('CONFIG_NOT_FOUND', `Cannot read ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}

function parseToml(file: string, content: string): unknown {
  try {
    return parse(content);
  } catch (error) {
    throw new HsmongerError('CONFIG_INVALID', `${file} is not TOML: ${sentenceOf(error)}.`, { cause: error });
  }
}
