import { existsSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '../../../config/directories.js';
import { assertChoiceCounts } from '../../../config/signature-algorithm.js';
import { HsmongerError, sentenceOf } from '../../../errors.js';
import { missing } from '../../../issuer/token/own/make-root.js';
import { ownKey, type KeyWish } from '../../../issuer/token/own/own-key.js';
import { assertKeyFree, ownPlace } from '../../../issuer/token/own/place.js';
import { caRequest, type CaRequestOrder } from '../../../issuer/token/own/request.js';
import { exclusively } from '../../../ledger/exclusively.js';
import { openSigningOnceMore } from '../../../pkcs11/signing/once-more.js';
import { readBoundedFile } from '../../../platform/bounded-file.js';
import { writeDurably } from '../../../platform/durable-file.js';
import { nameText } from '../../../x509/names/name.js';
import { parseCsr } from '../../../x509/parse-csr.js';
import { csrToPem } from '../../../x509/pem.js';
import { keyFingerprint } from '../../../x509/public-key.js';
import { readableObjects } from '../../../x509/readable-certificates.js';
import type { ServiceContext } from '../../context.js';
import { tokenIssuerOf } from '../../own-authority.js';
import { keyFactsOf, type OwnKeyFacts } from './make-root.js';
import type { MadeRequest } from './make-request.js';

export type CaRequest =
  /** The CA has its certificate. */
  | { readonly state: 'there'; readonly certificate: Uint8Array }
  | ({ readonly state: 'wanted'; readonly csr: Uint8Array; readonly keyFacts: OwnKeyFacts } & MadeRequest);

const maxBytes = 64 * 1024;
/** Another process may be making a key of 4096 bits on a slow token. */
const busyMs = 300_000;

/**
 * The request for the certificate of a CA that has none yet, signed with its key, which is made where there is none. The same again when
 * asked again: it is kept in the state directory. Where the certificate is there, neither wish nor order is needed.
 */
export async function requestCa(
  context: ServiceContext,
  { wish, order }: { readonly wish?: KeyWish; readonly order?: CaRequestOrder },
): Promise<CaRequest> {
  const issuer = tokenIssuerOf(context.instance);
  const token = await openSigningOnceMore(() => context.openToken({ access: 'write' }));
  const where = `token '${token.description.label}'`;
  const objects = readableObjects(await token.certificates());
  const [present] = ownPlace(objects, issuer.certificate, order?.subject, where);
  if (present !== undefined) return { state: 'there', certificate: present.certificate.der };
  if (order === undefined || wish === undefined) throw missing(issuer);
  // Before the ledger is locked, because the PIN's guard has a lock of its own.
  await token.login();
  return exclusively(context.ledger(), busyMs, async () => {
    if (wish.kind === 'made') assertChoiceCounts(wish.type.kind, issuer);
    const key = await ownKey(token, wish);
    assertChoiceCounts(key.key.type, issuer);
    assertKeyFree(objects, key.spki, where);
    const file = requestFile(context);
    const before = kept(file);
    const csr = await caRequest(token, key, order, issuer, before);
    if (before === undefined || csr !== before) writeDurably(file, csr);
    return {
      state: 'wanted',
      csr,
      keyFacts: keyFactsOf(key),
      pem: csrToPem(csr),
      subject: nameText(order.subject),
      key: keyFingerprint(key.spki),
    };
  });
}

/** DER Name of what was asked for last; undefined where nothing was, or it cannot be read. */
export function subjectAskedFor(context: ServiceContext): Promise<Uint8Array | undefined> {
  const request = kept(requestFile(context));
  return Promise.resolve(request === undefined ? undefined : parseCsr(request).subject);
}

/** DER SubjectPublicKeyInfo of the request that waits for its answer; undefined where none was made here. */
export function keyAskedFor(context: ServiceContext): Uint8Array | undefined {
  const request = kept(requestFile(context));
  return request === undefined ? undefined : parseCsr(request).spki;
}

function requestFile({ directories, instance }: ServiceContext): string {
  return path.join(stateDirectory(directories, instance), 'own-request.der');
}

function kept(file: string): Uint8Array | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return Uint8Array.from(readBoundedFile(file, maxBytes));
  } catch (error) {
    throw new HsmongerError('STATE_UNAVAILABLE', `Cannot read the request kept in ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}
