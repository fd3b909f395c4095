import type { Instance } from '../config/instance.js';

/** The newest certmonger whose source was read for what it cannot do. */
const newestRead = '0.79.21';

/** For what none of them can. */
export const unknownUntil = `no version up to ${newestRead} can, and none is known that will`;

/** How a certificate is renewed that certmonger cannot be given, as an imperative. */
export function otherwiseRenewed(
  { name, issuer }: Pick<Instance, 'name' | 'issuer'>,
  { nickname, profile }: { readonly nickname: string; readonly profile: string },
): string {
  if (issuer.type !== 'token') return 'have its CA renew it by hand before it expires';
  // No CA issues its own.
  if (nickname === issuer.certificate) return 'make the next CA before this one expires, under another --nickname and --subject';
  return `renew it before it expires with 'hsmonger ca issue --instance ${name} --profile ${profile}' and a request made with its key`;
}
