import { existsSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { parse, stringify } from 'smol-toml';
import type { Instance, TokenConfig } from '../../config/instance.js';
import { ledgerOwner } from '../../config/ledger-owner.js';
import { parseInstance } from '../../config/schema.js';
import { tokenName, tokenOf } from '../../config/token-of.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { distrustOf } from '../../platform/trusted-path.js';
import { cloneDocument } from './clone-document.js';
import type { SetupOptions } from './options.js';

const maxBytes = 1024 * 1024;

/** This host's instance by the file of another one, and its text. Reads only; `tell` gets what did not come over. */
export function cloneOf(
  from: string,
  file: string,
  options: SetupOptions,
  tell: (sentence: string) => void,
): { readonly instance: Instance; readonly text: string } {
  const host = hostname();
  const origin = from === '-' ? 'standard input' : from;
  const document = documentIn(readGiven(from, origin), origin);
  // Checked as it came, so that what is wrong is said of the file it is wrong in.
  assertShareable(parseInstance(options.instance, origin, document), origin, options, host);
  const clone = cloneDocument(document, { ...options, host });
  clone.leftOut.forEach(tell);
  const text = `# hsmonger: instance '${options.instance}' on a second host of one token. Written by 'hsmonger setup --from'; every key: docs/configuration.md, docs/clones.md\n${stringify(clone.document)}`;
  const instance = parseInstance(options.instance, file, parse(text));
  assertHere(instance, origin);
  return { instance, text };
}

function readGiven(from: string, origin: string): string {
  try {
    if (from === '-') return readFileSync(0, 'utf8');
    const distrust = distrustOf(from);
    if (distrust !== undefined)
      throw new HsmongerError(
        'CONFIG_UNSAFE',
        `Refusing ${from}: ${distrust}. Whoever could write it on the way chose what runs as the service user; copy it anew into a directory of root's, such as /root.`,
      );
    const stats = statSync(from);
    if (!stats.isFile() || stats.size > maxBytes)
      throw new HsmongerError('CONFIG_INVALID', `${from} is not a regular file of at most 1 MiB.`);
    return readFileSync(from, 'utf8');
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    throw new HsmongerError(
      'CONFIG_NOT_FOUND',
      `Cannot read ${origin}: ${sentenceOf(error)}; copy the first host's instance file here, and name the copy with --from.`,
      { cause: error },
    );
  }
}

function documentIn(text: string, origin: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new HsmongerError('CONFIG_INVALID', `${origin} is not TOML: ${sentenceOf(error)}.`, { cause: error });
  }
}

/** Whether the first host's file describes what a second one can share, and says who is first. */
function assertShareable(first: Instance, origin: string, { owner: named, token: label }: SetupOptions, host: string): void {
  if (first.freeipa !== undefined)
    throw new HsmongerError(
      'USAGE',
      `${origin} is of an IPA server, and the servers of a domain find each other in the directory: run 'hsmonger setup --freeipa' on this one instead.`,
    );
  const { selector } = tokenOf(first);
  if (label !== undefined && !(selector.by === 'label' && selector.label === label))
    throw new HsmongerError(
      'USAGE',
      `${origin} has the keys on token '${tokenName(selector)}', so '${label}' cannot be used beside it: a renewed certificate would lie where the first host does not look. Leave --token out.`,
    );
  if (first.issuer.type !== 'token') {
    if (named !== undefined)
      throw new HsmongerError('USAGE', `--owner is for a CA on a token, and by ${origin} the issuer is "${first.issuer.type}".`);
    return;
  }
  if (first.directory !== undefined) {
    if (named !== undefined)
      throw new HsmongerError(
        'USAGE',
        `By ${origin} the hosts share a [directory], whose renewal master owns the CA's ledger and CRL; leave --owner out.`,
      );
    return;
  }
  const written = first.issuer.owner;
  if (written === undefined && named === undefined) {
    throw new HsmongerError(
      'USAGE',
      `${origin} does not say which host owns the CA's ledger and CRL: put owner = "HOST" into [issuer] of that file on the first host (HOST as 'hostname' says there), and copy it again; or say --owner HOST here, and put it there all the same.`,
    );
  }
  if (written !== undefined && named !== undefined && written !== named)
    throw new HsmongerError('USAGE', `By ${origin} the ledger's owner is '${written}', not '${named}'; leave --owner out.`);
  if (ledgerOwner({ issuer: { ...first.issuer, owner: written ?? named ?? '' } }, host).kind === 'this host')
    throw new HsmongerError(
      'USAGE',
      `'${host}' is this host, and the ledger's owner cannot be its own clone; set the first host up without --from.`,
    );
}

/** What a copied file may name that is not on this host. Flags are for [token]; of a further token the copy itself has to say it. */
function assertHere(instance: Instance, origin: string): void {
  assertTokenHere(tokenOf(instance), instance, `${origin} names`, {
    module: 'say where it is with --module',
    pin: 'name it with --pin-file',
  });
  for (const [name, token] of Object.entries(instance.otherTokens ?? {}))
    assertTokenHere(token, instance, `[tokens.${name}] of ${origin} names`, {
      module: 'correct it in that copy',
      pin: 'name it in that copy',
    });
}

function assertTokenHere(
  { module, pin }: TokenConfig,
  { user }: Instance,
  names: string,
  cure: { readonly module: string; readonly pin: string },
): void {
  if (!existsSync(module))
    throw new HsmongerError('MODULE_NOT_FOUND', `${names} the PKCS#11 module ${module}, which is not on this host; ${cure.module}.`);
  if (pin.from === 'file' && !existsSync(pin.path))
    throw new HsmongerError(
      'PIN_SOURCE_MISSING',
      `${names} the PIN file ${pin.path}, which is not on this host, and PINs are never copied: put the PIN into a file only '${user}' or root can read, and ${cure.pin}.`,
    );
}
