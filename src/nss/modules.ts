import { realpathSync } from 'node:fs';
import path from 'node:path';
import { HsmongerError } from '../errors.js';
import { modutil, type NssContext } from './tools.js';

/** A PKCS#11 module as a database's list has it. */
export interface NssModule {
  readonly name: string;
  /** Absent for NSS's own module. */
  readonly library?: string;
  readonly loaded: boolean;
  /** Labels of the tokens in its slots; an empty slot's is ''. */
  readonly tokens: readonly string[];
}

/** All modules of the database, NSS's own first. */
export async function listModules(nss: NssContext): Promise<NssModule[]> {
  return parseModules((await modutil(nss, ['-list'])).stdout);
}

/** Reads `modutil -list`. */
export function parseModules(text: string): NssModule[] {
  return text
    .split(/^ *\d+\. /mu)
    .slice(1)
    .map((block) => {
      const [name = ''] = block.split('\n', 1);
      const library = /^\s*library name: (.*)$/mu.exec(block)?.[1];
      return {
        name: name.trim(),
        ...(library === undefined ? {} : { library: library.trim() }),
        loaded: /^\s*status: loaded/mu.test(block),
        tokens: [...block.matchAll(/^\s*token: ?(.*)$/gmu)].map((match) => (match[1] ?? '').trim()),
      };
    });
}

/**
 * What NSS calls its internal database: 'NSS Certificate DB', another name in FIPS mode, where its module has that one slot only
 * (certmonger util-n.c, util_internal_token_name). It is the module's last slot.
 */
export function internalTokenName(modules: readonly NssModule[]): string {
  const name = modules.find(({ library }) => library === undefined)?.tokens.at(-1);
  if (name === undefined || name === '')
    throw new HsmongerError(
      'NSS_FAILED',
      "modutil lists no internal token of NSS; run 'modutil -list -dbdir sql:DIR' and mend what it reports.",
    );
  return name;
}

/** The entry for this library, however its path is written. */
export function moduleFor(modules: readonly NssModule[], library: string): NssModule | undefined {
  const wanted = resolved(library);
  return modules.find((module) => module.library !== undefined && resolved(module.library) === wanted);
}

/** The name a library is registered under: its base name without .so and what follows. */
export function moduleName(library: string): string {
  return path.basename(library).replace(/\.so(\..*)?$/u, '');
}

/** Registers the library unless it is, and says under which name it is known now. */
export async function registerModule(nss: NssContext, library: string): Promise<string> {
  const modules = await listModules(nss);
  const known = moduleFor(modules, library);
  if (known !== undefined) return known.name;
  const name = moduleName(library);
  const taken = modules.find((module) => module.name === name);
  if (taken !== undefined) {
    throw new HsmongerError(
      'NSS_FAILED',
      `The NSS database ${nss.database} has a module '${name}' already, for ${taken.library ?? 'NSS itself'}; remove it with modutil -delete or register ${library} by hand under another name.`,
    );
  }
  await modutil(nss, ['-add', name, '-libfile', library]);
  return name;
}

function resolved(library: string): string {
  try {
    return realpathSync(library);
  } catch {
    return path.resolve(library);
  }
}
