import * as v from 'valibot';
import type { CertificateStorage, IssuerConfig } from '../instance.js';
import { absolute, days, identifier, nickname, profile, text, wrong } from './values.js';

/** One [[certificate]]. */
export const certificateTable = v.strictObject({
  nickname,
  profile,
  days: v.optional(days),
  token: v.optional(v.pipe(text, v.regex(identifier, "must be 'internal' or the NAME of a [tokens.NAME]"))),
  'certificate-file': v.optional(absolute),
  'key-file': v.optional(absolute),
  owner: v.optional(v.pipe(text, v.regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?$/u, 'must be USER or USER:GROUP'))),
  mode: v.optional(v.pipe(text, v.regex(/^0?[0-7]{3}$/u, 'must be three octal digits, such as "0440"'))),
  authority: v.optional(v.pipe(text, v.uuid('must be a UUID'))),
});

type CertificateTable = v.InferOutput<typeof certificateTable>;

/** `tokens`: the names of the instance's [tokens.NAME]. */
export function storageOf(file: string, tokens: readonly string[], certificate: CertificateTable): CertificateStorage {
  const { 'certificate-file': path, 'key-file': key, owner, mode, token, nickname: name } = certificate;
  if (path === undefined && key === undefined) {
    if (owner !== undefined || mode !== undefined)
      throw wrong(file, 'certificate', `gives '${name}' an owner or a mode, which only certificates in files have`);
    if (token === 'internal') return { kind: 'internal' };
    if (token !== undefined && !tokens.includes(token))
      throw wrong(
        file,
        'certificate',
        `puts '${name}' on the token '${token}', and there is no [tokens.${token}]; 'internal' is the NSS database's own store, and what says nothing lies on [token]`,
      );
    return { kind: 'token', ...(token === undefined ? {} : { on: token }) };
  }
  if (path === undefined || key === undefined)
    throw wrong(file, 'certificate', `must name certificate-file and key-file of '${name}' together`);
  if (token !== undefined) throw wrong(file, 'certificate', `puts '${name}' both in files and on a token`);
  return {
    kind: 'file',
    certificate: path,
    key,
    ...(owner === undefined ? {} : { owner }),
    ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
  };
}

/** How long a renewal is to last. The CA knows a certificate by what lies in its place, and that of the NSS database is not open to it. */
export function daysOf(
  file: string,
  issuer: IssuerConfig['type'],
  { days: asked, nickname: name }: CertificateTable,
  storage: CertificateStorage,
): { readonly days?: number } {
  if (asked === undefined) return {};
  if (issuer !== 'token')
    throw wrong(file, 'certificate', `gives '${name}' days, and how long it lasts is said by another CA: issuer.type is "${issuer}"`);
  if (storage.kind === 'internal')
    throw wrong(
      file,
      'certificate',
      `gives '${name}' days, which only certificates on a token and in files have; write issuer.lifetime-days for its profile`,
    );
  return { days: asked };
}
