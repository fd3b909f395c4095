import { tokenWith } from '../../../config/token-views.js';
import { judgeImport, thereAlready, type Admitted, type Present } from '../../../renewal/importing/judge-import.js';
import { importFile, keepImport } from '../../../renewal/importing/keep-import.js';
import { readCertificates, type GivenFile } from '../../../renewal/importing/read-certificates.js';
import type { Token } from '../../../pkcs11/token.js';
import { hex } from '../../../platform/hex.js';
import { run } from '../../../platform/run.js';
import { nameText } from '../../../x509/names/name.js';
import { readableCertificates } from '../../../x509/readable-certificates.js';
import type { ServiceContext } from '../../context.js';
import { presentOnToken } from '../token/present-certificate.js';

interface Import {
  readonly certificate: GivenFile;
  readonly chain: readonly GivenFile[];
  /** DER, from the directory. */
  readonly known: readonly Uint8Array[];
  /** Those it may be for. */
  readonly nicknames: readonly string[];
  readonly forceSelfSigned: boolean;
  /** False: only checked. */
  readonly keep: boolean;
}

export interface Imported {
  readonly nickname: string;
  /** RFC 4514. */
  readonly subject: string;
  readonly issuer: string;
  /** Hex. */
  readonly serial: string;
  readonly notAfter: Date;
  /** Where it waits for the helper, once it is kept. */
  readonly file: string;
}

/**
 * What importing a certificate comes to: the first of the CA, one that is on the token already as it is, or the next of one that is there.
 */
export type ImportKind =
  { readonly kind: 'first' } | { readonly kind: 'there'; readonly there: Omit<Imported, 'file'> } | { readonly kind: 'next' };

/** Only looks. */
export async function kindOfImport(
  context: ServiceContext,
  { certificate, nicknames }: Pick<Import, 'certificate' | 'nicknames'>,
): Promise<ImportKind> {
  const token = await context.openToken();
  const { issuer } = context.instance;
  if (issuer.type === 'token' && (await token.certificates(issuer.certificate)).length === 0) return { kind: 'first' };
  // An intermediate's own stands in the instance file of the CA above it.
  const ours = new Set([...(issuer.type === 'token' ? [issuer.certificate] : []), ...nicknames]);
  const there = thereAlready(await readCertificates(certificate, run), await allPresent(context, token, [...ours]));
  return there === undefined ? { kind: 'next' } : { kind: 'there', there: told(there) };
}

/** Checks a certificate another CA made for one of ours and puts it where the helper takes it from. */
export async function importCertificate(
  context: ServiceContext,
  { certificate, chain, known, nicknames, forceSelfSigned, keep }: Import,
): Promise<Imported> {
  const given = await readCertificates(certificate, run);
  const above = (await Promise.all(chain.map((file) => readCertificates(file, run)))).flat();
  const token = await context.openToken();
  const present = await allPresent(context, token, nicknames);
  const pool = [...above, ...readableCertificates([...known, ...(await token.certificates()).map(({ der }) => der)])];
  const admitted = judgeImport(context.clock(), { given, pool, present, forceSelfSigned });
  const file = keep
    ? await kept(context, token, admitted, present)
    : importFile(context.directories, context.instance, admitted.certificate.spki);
  return { ...told(admitted), file };
}

function told({ nickname, certificate: { subject, issuer, serial, notAfter } }: Present): Omit<Imported, 'file'> {
  return { nickname, subject: nameText(subject), issuer: nameText(issuer), serial: hex(serial), notAfter };
}

async function kept(
  context: ServiceContext,
  token: Token,
  admitted: Admitted,
  present: readonly { readonly nickname: string; readonly id: Uint8Array; readonly token: Token }[],
): Promise<string> {
  // The certificate says whose it is; that the key is there, only the token can say.
  const found = present.find(({ nickname }) => nickname === admitted.nickname);
  const id = found?.id;
  await (found?.token ?? token).findKey({ by: 'public-key', spki: admitted.certificate.spki, ...(id === undefined ? {} : { id }) });
  return keepImport(context.directories, context.instance, admitted);
}

/** A certificate that is missing is another's trouble, unless nothing is left to compare with. */
async function allPresent(context: ServiceContext, own: Token, nicknames: readonly string[]) {
  const looks = await Promise.allSettled(
    nicknames.map(async (nickname) => {
      const on = tokenWith(context.instance, nickname);
      const token = on === undefined ? own : await context.openToken({ on });
      return { nickname, token, ...(await presentOnToken(token, nickname)) };
    }),
  );
  const present = looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value] : []));
  const failure = looks.find((look) => look.status === 'rejected');
  if (present.length === 0 && failure !== undefined) throw failure.reason;
  return present;
}
