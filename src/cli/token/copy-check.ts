import { chmodSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tokenOf } from '../../config/token-of.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { CountedObject } from '../../pkcs11/objects/census.js';
import { accountOf } from '../../platform/service-user.js';
import { askService } from '../../service/ask.js';
import type { TokenContents } from '../../service/tasks/token/inspect-token.js';
import type { Surroundings } from '../command.js';
import { absolutePath } from '../flags.js';
import { harmless, json } from '../output.js';
import { faultsOfCopy, faultsOfFiles, type CopiedFile } from './compare-copy.js';
import { placeOf, withLabel, type AddTokenCommand, type TokenPlace, type TokenOptions } from './place.js';

/** `token copy-check`: a copied SoftHSM token directory against its original. */
export const addCopyCheck: AddTokenCommand = (yargs, run) =>
  yargs.command(
    'copy-check <directory>',
    "Whether a copied SoftHSM token directory is the token's, whole and safe, for another host",
    (copy) =>
      copy.positional('directory', {
        type: 'string',
        demandOption: true,
        coerce: absolutePath,
        describe: "What holds the copied token's directory",
      }),
    run(copyCheck),
  );

/**
 * Whether a copied SoftHSM token directory can stand in for the original on another host. Logs in to both: the copy has the original's PIN.
 */
async function copyCheck(options: TokenOptions & { readonly directory: string | undefined }, { io, env }: Surroundings): Promise<number> {
  const place = await withLabel(options, placeOf(options, env));
  const directory = options.directory ?? '';
  const { module } = tokenOf(place.instance);
  if (!path.basename(module).includes('softhsm'))
    throw new HsmongerError(
      'USAGE',
      `${module} is not SoftHSM, whose tokens alone are directories to copy; other HSMs have their own way (docs/backup.md).`,
    );
  const { user } = place.instance;
  const { unreadable, faults: ofFiles } = faultsOfFiles({ directory, user, uid: accountOf(user).uid, files: filesOf(directory) });
  const before = await askService(place, 'inspect token', { keys: true });
  const { label, serial } = before.description;
  const tell = (faults: readonly string[], whole = ''): number => {
    if (options.json) io.out(json({ token: label, serial, directory, faults }));
    else io.out((faults.length === 0 ? [whole] : faults).map((line) => `${harmless(line)}\n`).join(''));
    return faults.length === 0 ? 0 : 3;
  };
  // What the service user cannot read tells nothing of the token in it but that, in its module's words.
  if (unreadable) return tell(ofFiles);
  const copy = await withConfiguration(directory, (file) => inspectCopy(copyPlace(place, file, label), directory, label));
  const census = { original: await objectsOn(place), copy: copy.objects };
  const after = await askService(place, 'inspect token', { keys: true });
  return tell(
    [...ofFiles, ...faultsOfCopy({ directory, before, copy, after, census })],
    `${directory} holds the token '${label}' whole: ${String(copy.keys.length)} keys, ${String(copy.certificates.length)} certificates, serial ${copy.description.serial}`,
  );
}

/** What is wrong with the copy is not to be looked for on this host's token. */
async function inspectCopy(
  place: TokenPlace,
  directory: string,
  label: string,
): Promise<TokenContents & { readonly objects: readonly CountedObject[] }> {
  try {
    return { ...(await askService(place, 'inspect token', { keys: true })), objects: await objectsOn(place) };
  } catch (error) {
    if (error instanceof HsmongerError && (error.code === 'PIN_INCORRECT' || error.code === 'PIN_KNOWN_BAD'))
      throw new HsmongerError(
        error.code,
        `The copy in ${directory} does not take the PIN of the token '${label}': it was made before the PIN was changed; copy the token again.`,
        { cause: error },
      );
    // Where SoftHSM may not enter the directory it does not even start (CKR_GENERAL_ERROR); for the token here it just did.
    if (!(error instanceof HsmongerError && (error.code === 'TOKEN_NOT_FOUND' || error.code === 'MODULE_FAILED'))) throw error;
    throw new HsmongerError(
      'TOKEN_NOT_FOUND',
      `'${place.instance.user}' sees no token '${label}' in ${directory}: it must hold the copied token's directory as SoftHSM's directories.tokendir does, where '${place.instance.user}' can read it (not below /root); copy it again, with owner and modes.`,
      { cause: error },
    );
  }
}

/** Of every kind, by what they are called. */
async function objectsOn(place: TokenPlace): Promise<readonly CountedObject[]> {
  const { token } = await askService(place, 'count objects', { sight: 'everything', force: false });
  if (token.ok) return token.objects;
  throw new HsmongerError(token.code, token.problem);
}

/** By label, so that two of one label in the copy are refused as they are everywhere. */
function copyPlace({ instance, ...place }: TokenPlace, file: string, label: string): TokenPlace {
  const token = tokenOf(instance);
  return {
    ...place,
    instance: {
      ...instance,
      token: { ...token, selector: { by: 'label', label }, environment: { ...token.environment, SOFTHSM2_CONF: file }, asCopy: file },
    },
  };
}

/** SoftHSM's configuration for the copy alone; nothing secret is in it. */
async function withConfiguration<T>(directory: string, work: (file: string) => Promise<T>): Promise<T> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'hsmonger-copy-'));
  try {
    chmodSync(scratch, 0o755);
    const file = path.join(scratch, 'softhsm2.conf');
    writeFileSync(file, `directories.tokendir = ${directory}\nobjectstore.backend = file\nlog.level = ERROR\n`, { mode: 0o644 });
    return await work(file);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** All but the directory itself, which holds the tokens of others too. */
function filesOf(directory: string): CopiedFile[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .sort()
      .map((name) => {
        const { uid, mode } = lstatSync(path.join(directory, name));
        return { name, uid, mode: mode & 0o777 };
      });
  } catch (error) {
    throw new HsmongerError(
      'USAGE',
      `Cannot look into ${directory}: ${sentenceOf(error)}; name the directory that holds the copied token's directory.`,
      { cause: error },
    );
  }
}
