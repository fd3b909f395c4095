import { closeSync, constants, openSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'smol-toml';
import { parseInstance } from '../../../config/schema.js';
import type { Directories, Instance, TokenConfig } from '../../../config/instance.js';
import { tokenOf } from '../../../config/token-of.js';
import { viewOn } from '../../../config/token-views.js';
import { asHsmongerError, HsmongerError, sentenceOf } from '../../../errors.js';
import type { TokenDescription } from '../../../pkcs11/token.js';
import { exclusiveFlock } from '../../../platform/flock.js';
import { askService } from '../../../service/ask.js';
import { certificateTable, tokenTable } from '../../setup/document.js';
import { writeInstanceFile } from '../../setup/write-instance.js';

/** A token as a file names it, and as it was found. */
interface SeenToken {
  readonly config: TokenConfig;
  readonly is: TokenDescription;
}

/** Whether two instances mean one token, however each names it. */
export function sameToken(one: SeenToken, other: SeenToken): boolean {
  const place = ({ config: { module, environment, parameters }, is }: SeenToken) =>
    JSON.stringify([real(module), Object.entries(environment).sort(), parameters, is.label, is.serial]);
  return place(one) === place(other);
}

function real(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

/** What is to be written into the file of the CA above. */
export interface Enlistment {
  /** That CA's instance as the file will describe it. */
  readonly instance: Instance;
  /**
   * Atomic, into the file as it is by then: others may have written there while a key was made and a certificate signed. What was done, as
   * a sentence. STATE_BUSY where another command has been writing there for long.
   */
  readonly write: () => Promise<string>;
}

/** A certificate of that nickname in the file of the CA above must be this one. `then`: what is so where it is not. */
export function assertEnlistable(
  renewer: Instance,
  owner: Instance,
  nickname: string,
  same: boolean,
  then = `Nothing was made for instance '${owner.name}'`,
): void {
  const known = renewer.certificates.find((certificate) => certificate.nickname === nickname);
  if (
    known === undefined ||
    (known.profile === 'caCACert' && known.storage.kind === 'token' && known.storage.on === (same ? undefined : owner.name))
  )
    return;
  throw new HsmongerError(
    'PREFLIGHT_FAILED',
    `${then}: ${renewer.file} has a certificate '${nickname}' already, of profile ${known.profile}${known.storage.kind === 'token' ? '' : ' and not on a token'}, which would be taken for the new CA's; choose another --nickname.`,
  );
}

/** What one of the two CAs is to have done for it. */
interface Wanted {
  readonly nickname: string;
  /** How long its renewals last, where that was asked. */
  readonly days: number | undefined;
}

type On = 'same' | { readonly label: string };

/**
 * Has `renewer`, the CA above, keep a certificate of `owner` alive: its [[certificate]] behind the end of that CA's instance file,
 * everything that stands there kept as it is. On another token with a [tokens.NAME] of the owner's name. Undefined where the file says so
 * already; CONFIG_INVALID where the two do not go together.
 */
export function enlistment(renewer: Instance, owner: Instance, wanted: Wanted, token: On): Enlistment | undefined {
  // The file itself, where its name is a link to it.
  const file = realpathSync(renewer.file);
  const first = enlisted(renewer, readFileSync(file, 'utf8'), owner, wanted, token, 'nothing was made');
  if (first === undefined) return undefined;
  return {
    instance: first.instance,
    write: () =>
      holdingDirectory(path.dirname(file), () => {
        const text = readFileSync(file, 'utf8');
        const then = `The CA was made, and ${renewer.file} left as it is`;
        const now = readAgain(renewer, text, then);
        assertEnlistable(now, owner, wanted.nickname, token === 'same', then);
        const again = enlisted(now, text, owner, wanted, token, `the CA was made, and ${renewer.file} left as it is`);
        if (again === undefined) return `the certificate '${wanted.nickname}' stands in ${renewer.file} by now, whose CA renews it`;
        writeInstanceFile(file, again.text);
        return `wrote the certificate '${wanted.nickname}' into ${renewer.file}, whose CA renews it`;
      }),
  };
}

/** Somebody may be in the middle of editing it. */
function readAgain(renewer: Instance, text: string, then: string): Instance {
  try {
    return parseInstance(renewer.name, renewer.file, parse(text));
  } catch (error) {
    throw new HsmongerError(
      'CONFIG_INVALID',
      `${then}, for it cannot be read now: ${sentenceOf(error).replace(/\.$/u, '')}. Mend it and run this again, which only has the CA renewed.`,
      { cause: error },
    );
  }
}

/** The file with the new tables, and what it says then; undefined where it says so already. `then`: what is so where it cannot. */
function enlisted(
  renewer: Instance,
  before: string,
  owner: Instance,
  { nickname, days }: Wanted,
  token: On,
  then: string,
): { readonly instance: Instance; readonly text: string } | undefined {
  if (renewer.certificates.some((certificate) => certificate.nickname === nickname)) return undefined;
  const on = token === 'same' ? {} : { on: owner.name };
  const tables = [
    ...(token === 'same' || renewer.otherTokens?.[owner.name] !== undefined
      ? []
      : [stringify({ tokens: { [owner.name]: tokenOfOwner(owner, token.label) } })]),
    stringify({
      certificate: [
        certificateTable({ nickname, profile: 'caCACert', storage: { kind: 'token', ...on }, ...(days === undefined ? {} : { days }) }),
      ],
    }),
  ];
  const text = `${before.trimEnd()}\n\n# The certificate of the CA '${owner.name}', which this one issued. Written by 'hsmonger ca init-intermediate'.\n${tables.map((table) => table.trim()).join('\n\n')}\n`;
  try {
    return { instance: parseInstance(renewer.name, renewer.file, parse(text)), text };
  } catch (error) {
    throw new HsmongerError(
      'CONFIG_INVALID',
      `'${renewer.name}' could not renew the certificate of '${owner.name}', so ${then}: ${sentenceOf(error).replace(/\.$/u, '')}. These lines would stand in ${renewer.file}: ${tables.join(' ').replace(/\s*\n\s*/gu, '; ')}`,
      { cause: error },
    );
  }
}

/** So long others may take to write their lines. */
const lockSeconds = 60;

/** The directory's lock, not the file's: that is replaced. */
async function holdingDirectory<T>(directory: string, work: () => T): Promise<T> {
  const lock = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    if (!(await exclusiveFlock(lock, lockSeconds)))
      throw new HsmongerError(
        'STATE_BUSY',
        `The CA was made, and another process has been writing in ${directory} for ${String(lockSeconds)} seconds; run this again, which only has it renewed.`,
      );
    return work();
  } finally {
    closeSync(lock);
  }
}

/**
 * PREFLIGHT_FAILED where the user of the CA above cannot log in to the token whose certificate it is to renew: two service users may each
 * have a token that is closed to the other.
 */
export async function assertReaches(directories: Directories, instance: Instance, owner: Instance): Promise<void> {
  try {
    await askService({ directories, instance: viewOn(instance, owner.name) }, 'prove PIN', { force: false, anew: false });
  } catch (error) {
    const { message } = asHsmongerError(error);
    throw new HsmongerError(
      'PREFLIGHT_FAILED',
      `'${instance.name}' is to renew the certificate of '${owner.name}', and its user '${instance.user}' cannot log in to that token (${message.replace(/\.$/u, '')}), so nothing was made. Let that user use the token and read the PIN file, or give both one --user.`,
      { cause: error },
    );
  }
}

function tokenOfOwner(owner: Instance, label: string): Record<string, unknown> {
  const { module, environment, parameters, pin } = tokenOf(owner);
  if (pin.from !== 'file')
    throw new HsmongerError(
      'CONFIG_INVALID',
      `${owner.file} has its PIN from another place than a file, which another instance's file cannot name; write [tokens.${owner.name}] there by hand.`,
    );
  return tokenTable({ label, module, environment, parameters, pinFile: pin.path });
}
