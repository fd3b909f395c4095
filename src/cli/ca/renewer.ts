import { readFileSync, realpathSync } from 'node:fs';
import { parse, stringify } from 'smol-toml';
import { parseInstance } from '../../config/schema.js';
import type { Instance, TokenConfig } from '../../config/instance.js';
import { tokenOf } from '../../config/token-of.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { TokenDescription } from '../../pkcs11/token.js';
import { certificateTable, tokenTable } from '../setup/document.js';
import { writeInstanceFile } from '../setup/write-instance.js';

/** A token as a file names it, and as it was found. */
interface SeenToken {
  readonly config: TokenConfig;
  readonly is: TokenDescription;
}

/** Whether two instances mean one token, however each names it. */
export function sameToken(one: SeenToken, other: SeenToken): boolean {
  const place = ({ config: { module, environment, parameters }, is }: SeenToken) => JSON.stringify([real(module), Object.entries(environment).sort(), parameters, is.label, is.serial]);
  return place(one) === place(other);
}

function real(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

/**
 * Has `renewer`, the CA above, keep a certificate of `owner` alive: its [[certificate]] behind the end of that CA's instance file, everything that stands there kept as it
 * is. On another token with a [tokens.NAME] of the owner's name. `days`: how long its renewals last, where that was asked. What was done, as a sentence; undefined where the file says so already. Atomic.
 */
export function enlist(renewer: Instance, owner: Instance, { nickname, days }: { readonly nickname: string; readonly days: number | undefined }, token: 'same' | { readonly label: string }): string | undefined {
  if (renewer.certificates.some((certificate) => certificate.nickname === nickname)) return undefined;
  const on = token === 'same' ? {} : { on: owner.name };
  const tables = [
    ...(token === 'same' || renewer.otherTokens?.[owner.name] !== undefined ? [] : [stringify({ tokens: { [owner.name]: tokenOfOwner(owner, token.label) } })]),
    stringify({ certificate: [certificateTable({ nickname, profile: 'caCACert', storage: { kind: 'token', ...on }, ...(days === undefined ? {} : { days }) })] }),
  ];
  // The file itself, where its name is a link to it.
  const file = realpathSync(renewer.file);
  const before = readFileSync(file, 'utf8');
  const text = `${before.trimEnd()}\n\n# The certificate of the CA '${owner.name}', which this one issued. Written by 'hsmonger ca init-intermediate'.\n${tables.map((table) => table.trim()).join('\n\n')}\n`;
  try {
    parseInstance(renewer.name, renewer.file, parse(text));
  } catch (error) {
    throw new HsmongerError('CONFIG_INVALID', `${renewer.file} was left as it is, because these lines do not fit behind it (${sentenceOf(error).replace(/\.$/u, '')}); write them there by hand: ${tables.join(' ').replace(/\s*\n\s*/gu, '; ')}`, { cause: error });
  }
  writeInstanceFile(file, text);
  return `wrote the certificate '${nickname}' into ${renewer.file}, whose CA renews it`;
}

function tokenOfOwner(owner: Instance, label: string): Record<string, unknown> {
  const { module, environment, parameters, pin } = tokenOf(owner);
  if (pin.from !== 'file') throw new HsmongerError('CONFIG_INVALID', `${owner.file} has its PIN from another place than a file, which another instance's file cannot name; write [tokens.${owner.name}] there by hand.`);
  return tokenTable({ label, module, environment, parameters, pinFile: pin.path });
}
