import type { Placed } from '../../../issuer/token/own/place.js';
import { nssKeyId } from '../../../pkcs11/objects/nss-key-id.js';
import type { Token } from '../../../pkcs11/token.js';
import type { Certificate } from '../../../x509/certificate.js';
import { equalBytes } from '../../../x509/der.js';
import { commonNameOf, sameName } from '../../../x509/names/name.js';

/**
 * Stores what stands above a CA, from the one that issued it upwards, beside `objects`, which are on the token; each only once. Gives the
 * labels of what was stored. `taken` are labels that others are to have; `issuerNickname` is what the first calls itself.
 */
export async function storeAbove(
  token: Pick<Token, 'storeCertificate'>,
  objects: readonly Placed[],
  chain: readonly Certificate[],
  taken: readonly string[],
  issuerNickname?: string,
): Promise<string[]> {
  const beside: string[] = [];
  for (const [index, one] of chain.entries()) {
    if (objects.some((object) => equalBytes(object.certificate.der, one.der))) continue;
    const label = labelFor(one, objects, [...taken, ...beside], index === 0 ? issuerNickname : undefined);
    await token.storeCertificate(one.der, { label, id: nssKeyId(one.spki) ?? new Uint8Array() });
    beside.push(label);
  }
  return beside;
}

/** The label its subject has there already, else the name it is given, else its own; never one of another subject's (design rule 2). */
function labelFor({ subject }: Certificate, objects: readonly Placed[], taken: readonly string[], given: string | undefined): string {
  const known = objects.find((object) => object.label !== '' && sameName(object.certificate.subject, subject));
  if (known !== undefined) return known.label;
  const wanted =
    given ??
    commonNameOf(subject)
      .replace(/[:/\p{Cc}]/gu, ' ')
      .trim()
      .slice(0, 60)
      .trim();
  const used = new Set([...taken, ...objects.map(({ label }) => label)]);
  for (let n = 1; ; n++) {
    const label = n === 1 ? wanted : `${wanted} ${String(n)}`;
    if (!used.has(label)) return label;
  }
}
