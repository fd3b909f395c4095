import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { stateDirectory } from '../../../config/directories.js';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { nssKeyId } from '../../../pkcs11/objects/nss-key-id.js';
import { onlyOne, selecting } from '../../../pkcs11/objects/selection.js';
import type { Token, TokenDescription } from '../../../pkcs11/token.js';
import { writeDurably } from '../../../platform/durable-file.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { sameKey } from '../../../x509/public-key.js';
import type { ServiceContext } from '../../context.js';
import { hex } from '../../../platform/hex.js';

/** A move that is under way or was interrupted: what is on the token says how far it came. */
const journalSchema = v.strictObject({ serial: v.string(), label: v.string(), spki: v.string(), from: v.string(), to: v.string() });
type Journal = v.InferOutput<typeof journalSchema>;

export interface MovedId {
  readonly token: TokenDescription;
  readonly label: string;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly outcome: 'moved' | 'nothing to do' | 'refused';
  /** CKA_ID of a key whose interrupted move was finished first. */
  readonly finished?: Uint8Array;
}

/**
 * Gives the key a selector names, and its certificates, the CKA_ID NSS computes. Finishes an interrupted move of this instance first,
 * whichever key it was for.
 */
export async function moveKeyId(
  context: Pick<ServiceContext, 'openToken' | 'directories' | 'instance'>,
  { selector }: { readonly selector: string },
): Promise<MovedId> {
  const file = path.join(stateDirectory(context.directories, context.instance), 'move-id.json');
  const token = await context.openToken({ access: 'write' });
  const finished = await finish(token, file);
  const named = selecting(selector, token.description);
  // The interrupted move may have been this one, and the key been named by the id it no longer has.
  const keys = await token.keys();
  const wanted = keys.filter((key) => named(key, 'private'));
  const again =
    finished !== undefined && named({ id: finished.from, label: '' }, 'private') ? keys.filter(({ id }) => finished.to.equals(id)) : [];
  const key = onlyOne(wanted.length > 0 ? wanted : again, selector, 'private keys', 'KEY_NOT_FOUND', token.description);
  const to = key.spki === undefined ? undefined : nssKeyId(key.spki);
  if (key.spki === undefined || to === undefined)
    throw new HsmongerError(
      'KEY_UNUSABLE',
      `The token does not show the public value of the key '${selector}', or it is of a kind NSS does not know, so its CKA_ID cannot be computed; store its public key on the token first.`,
    );
  const outcome = await move(token, file, { spki: key.spki, from: key.id, to });
  const facts = { token: token.description, label: key.label, to, ...(finished === undefined ? {} : { finished: finished.to }) };
  return finished?.to.equals(key.id) === true ? { ...facts, from: finished.from, outcome: 'moved' } : { ...facts, from: key.id, outcome };
}

async function finish(token: Token, file: string): Promise<{ readonly from: Buffer; readonly to: Buffer } | undefined> {
  if (!existsSync(file)) return undefined;
  const { serial, label, spki, from, to } = v.parse(journalSchema, JSON.parse(readFileSync(file, 'utf8')));
  const { description } = token;
  if (serial !== description.serial || label !== description.label)
    throw new HsmongerError(
      'STATE_BUSY',
      `An earlier move of a CKA_ID on token '${label}' (serial ${serial}) was interrupted; finish it there first, by running this on that token, or remove ${file} where that token is gone for good.`,
    );
  const [old, next] = [Buffer.from(from, 'hex'), Buffer.from(to, 'hex')];
  try {
    await move(token, file, { spki: Buffer.from(spki, 'base64'), from: old, to: next });
  } catch (error) {
    throw inTheWay(error, file, from);
  }
  return { from: old, to: next };
}

/** Who named another key must hear whose move it is, and how to go on without it. */
function inTheWay(error: unknown, file: string, from: string): unknown {
  if (!(error instanceof HsmongerError && ['KEY_NOT_FOUND', 'KEY_AMBIGUOUS', 'OBJECT_EXISTS'].includes(error.code))) return error;
  return new HsmongerError(
    error.code,
    `An earlier move, of the key that had CKA_ID ${from}, was interrupted and cannot be finished: ${error.message} Where that key is gone, or shall stay as it is, remove ${file} and run this again.`,
    { cause: error },
  );
}

async function move(
  token: Token,
  file: string,
  { spki, from, to }: { readonly spki: Uint8Array; readonly from: Uint8Array; readonly to: Uint8Array },
): Promise<'moved' | 'nothing to do' | 'refused'> {
  const { serial, label } = token.description;
  const journal: Journal = { serial, label, spki: Buffer.from(spki).toString('base64'), from: hex(from), to: hex(to) };
  const certificates = (await token.certificates()).map(({ der }) => der).filter((der) => isFor(der, spki));
  const outcome = await token.moveId({ spki, from, to, certificates }, () => {
    writeDown(file, journal);
  });
  // A failure in between leaves it: the next run finishes what this one began.
  rmSync(file, { force: true });
  return outcome;
}

/** Its failure is none of the module's, in whose turn it is written. */
function writeDown(file: string, journal: Journal): void {
  try {
    writeDurably(file, JSON.stringify(journal));
  } catch (error) {
    throw new HsmongerError(
      'STATE_UNAVAILABLE',
      `Cannot write ${file}, by which an interrupted move is finished: ${sentenceOf(error)}; no CKA_ID was changed. Mend that and run this again.`,
      { cause: error },
    );
  }
}

function isFor(der: Uint8Array, spki: Uint8Array): boolean {
  try {
    return sameKey(parseCertificate(der).spki, spki);
  } catch {
    return false;
  }
}
