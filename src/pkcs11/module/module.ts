import { realpathSync } from 'node:fs';
// Never to become a lazy import: it loads the native addon, which the service user may not be able to read.
import pkcs11js from 'pkcs11js';
import type { TokenConfig } from '../../config/instance.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { distrustOf } from '../../platform/trusted-path.js';
import { returnValueOf, tokenFailure } from '../ckr.js';
import type { Cryptoki } from '../cryptoki.js';
import { notAModule } from './shared-object.js';

export type ModuleConfig = Pick<TokenConfig, 'module' | 'parameters' | 'environment'>;

export interface OpenModule {
  readonly cryptoki: Cryptoki;
  /** The library's real path. */
  readonly file: string;
  /** Whether sessions opened then are still sessions: a module initialised anew may give their handles to others. */
  isCurrent(): boolean;
  /** Finalises the module when nobody else in this process uses it and it was initialised here. */
  release(): void;
}

interface Loaded {
  readonly pkcs11: pkcs11js.PKCS11;
  /** Parameters and environment the present users have in common. */
  settings: string;
  users: number;
  initializedHere: boolean;
  /** How often it was initialised. */
  generation: number;
}

/** C_Initialize and C_Finalize are process-wide: one entry for each library, by its real path, for the life of the process. */
const loaded = new Map<string, Loaded>();

/**
 * Loads and initialises a PKCS#11 module, with its environment set first. MODULE_NOT_FOUND, MODULE_UNSAFE (others could replace the
 * library, which runs with the PIN in its hands) or MODULE_FAILED otherwise.
 */
export function openModule(config: ModuleConfig): OpenModule {
  const file = checked(config.module);
  const settings = JSON.stringify([config.parameters, Object.entries(config.environment).sort()]);
  const known = loaded.get(file);
  if (known !== undefined && known.users > 0 && known.settings !== settings) {
    throw new HsmongerError(
      'MODULE_FAILED',
      `The PKCS#11 module ${config.module} is in use in this process with another 'parameters' or 'environment'; give the instances the same, or run them apart.`,
    );
  }
  Object.assign(process.env, config.environment);
  const entry = known ?? { pkcs11: load(config.module), settings, users: 0, initializedHere: false, generation: 0 };
  if (entry.users === 0 || isFinalised(entry.pkcs11)) {
    entry.initializedHere = initialize(entry.pkcs11, config);
    entry.settings = settings;
    entry.generation += 1;
  }
  const { generation } = entry;
  entry.users += 1;
  loaded.set(file, entry);
  let released = false;
  return {
    cryptoki: entry.pkcs11,
    file,
    isCurrent: () => entry.generation === generation,
    release: () => {
      if (released) return;
      released = true;
      entry.users -= 1;
      if (entry.users === 0 && entry.initializedHere) finalize(entry.pkcs11);
    },
  };
}

function checked(module: string): string {
  try {
    const distrust = distrustOf(module);
    if (distrust !== undefined)
      throw new HsmongerError(
        'MODULE_UNSAFE',
        `The PKCS#11 module ${module} is not loaded: ${distrust}, so others could put their own code in its place; install it where only root can write.`,
      );
    const problem = notAModule(module);
    if (problem !== undefined)
      throw new HsmongerError(
        'MODULE_FAILED',
        `The file ${module} ${problem}; set 'module' in the instance file to the vendor's PKCS#11 library.`,
      );
    return realpathSync(module);
  } catch (error) {
    throw missing(module, error);
  }
}

function missing(module: string, error: unknown): unknown {
  if (error instanceof HsmongerError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new HsmongerError(
      'MODULE_NOT_FOUND',
      `There is no PKCS#11 module ${module}; install it, or set 'module' in the instance file to where it is.`,
      { cause: error },
    );
  if (code === 'EACCES')
    return new HsmongerError(
      'MODULE_NOT_FOUND',
      `The PKCS#11 module ${module} cannot be read by the user this runs as; check the mode of the file and of its directories.`,
      { cause: error },
    );
  return new HsmongerError('MODULE_FAILED', `Cannot read the PKCS#11 module ${module}: ${sentenceOf(error)}.`, { cause: error });
}

function load(module: string): pkcs11js.PKCS11 {
  const pkcs11 = new pkcs11js.PKCS11();
  try {
    pkcs11.load(module);
    return pkcs11;
  } catch (error) {
    // After a failed load any further call on the object, but this one, kills the process.
    pkcs11.close();
    throw new HsmongerError(
      'MODULE_FAILED',
      `Loading the PKCS#11 module ${module} failed: ${sentenceOf(error)}; check that the vendor's software is installed completely.`,
      { cause: error },
    );
  }
}

/**
 * Whether somebody else in this process has ended the module under its users: all their sessions are gone (PKCS#11 2.40 §5.4, C_Finalize),
 * and a new one wants it initialised.
 */
function isFinalised(pkcs11: pkcs11js.PKCS11): boolean {
  try {
    pkcs11.C_GetInfo();
    return false;
  } catch (error) {
    return returnValueOf(error) === 'CKR_CRYPTOKI_NOT_INITIALIZED';
  }
}

/** Whether it was us: CKR_CRYPTOKI_ALREADY_INITIALIZED means that somebody else in this process will finalise it. */
function initialize(pkcs11: pkcs11js.PKCS11, { module, parameters }: ModuleConfig): boolean {
  // Signing runs on another thread while the event loop goes on.
  const flags = pkcs11js.CKF_OS_LOCKING_OK;
  try {
    // pkcs11js 2.1.7 cuts off the last character of the parameters; a blank more is also harmless where it does not.
    pkcs11.C_Initialize(parameters === undefined ? { flags } : { flags, libraryParameters: `${parameters} ` });
    return true;
  } catch (error) {
    if (returnValueOf(error) === 'CKR_CRYPTOKI_ALREADY_INITIALIZED') return false;
    const ours = tokenFailure(error, `Initialising the PKCS#11 module ${module}`);
    throw new HsmongerError('MODULE_FAILED', ours.message, { cause: error });
  }
}

function finalize(pkcs11: pkcs11js.PKCS11): void {
  try {
    pkcs11.C_Finalize();
  } catch {
    // It is over either way; the next use initialises anew.
  }
}
