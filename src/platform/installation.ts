import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where our own executables and native addons lie. */
export interface Installation {
  /** Directory of hsmonger, hsmonger-submit, hsmonger-pre-save, hsmonger-post-save. */
  readonly executables: string;
  readonly addons: string;
}

/** Set by the build (packaging/build.mjs) to the directory of the bundled file; absent when the sources run as they are. */
declare const HSMONGER_BUNDLE_DIRECTORY: string | undefined;

/** The executables this code belongs to; run from source, those of the last build. */
export function installation(): Installation {
  const executables =
    typeof HSMONGER_BUNDLE_DIRECTORY === 'string'
      ? path.dirname(HSMONGER_BUNDLE_DIRECTORY)
      : path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../dist');
  return { executables, addons: path.join(executables, 'lib') };
}
