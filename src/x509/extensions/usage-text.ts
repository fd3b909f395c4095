import { dottedForm } from '../../config/dotted-form.js';
import { HsmongerError } from '../../errors.js';
import { oids } from '../oids.js';

/** Extended key usages by name (RFC 5280 §4.2.1.12). */
const usages: Readonly<Record<string, string>> = {
  serverAuth: oids.serverAuth,
  clientAuth: oids.clientAuth,
  codeSigning: oids.codeSigning,
  emailProtection: oids.emailProtection,
  timeStamping: oids.timeStamping,
  OCSPSigning: oids.ocspSigning,
};
const names: ReadonlyMap<string, string> = new Map([
  ...Object.entries(usages).map(([name, oid]) => [oid, name] as const),
  [oids.anyExtendedKeyUsage, 'anyExtendedKeyUsage'],
]);
/** More than any certificate has. */
const most = 50;

/** Dotted OIDs from `NAME|OID[,…]`, each once, names in any case; USAGE for what is neither, and for anyExtendedKeyUsage. */
export function usagesFromText(text: string): string[] {
  const found = [...new Set(text.split(',').map((word) => usageFromWord(word.trim())))];
  if (found.length > most)
    throw new HsmongerError('USAGE', `More than ${String(most)} extended key usages are no certificate's; name fewer.`);
  return found;
}

function usageFromWord(word: string): string {
  const name = Object.keys(usages).find((one) => one.toLowerCase() === word.toLowerCase());
  const oid = name === undefined ? word : usages[name];
  if (oid === oids.anyExtendedKeyUsage || word.toLowerCase() === 'anyextendedkeyusage')
    throw new HsmongerError(
      'USAGE',
      'anyExtendedKeyUsage is not issued: such a certificate would do for a server, for signing code and for whatever comes, and clients refuse it (RFC 5280 §4.2.1.12); name the usages it is for.',
    );
  if (oid === undefined || !dottedForm.test(oid) || oid.length > 200)
    throw new HsmongerError(
      'USAGE',
      `'${word}' is no extended key usage; there are ${Object.keys(usages).join(', ')}, and object identifiers such as 1.3.6.1.5.2.3.5.`,
    );
  return oid;
}

/** The name of a dotted OID, or the OID itself. */
export function usageText(oid: string): string {
  return names.get(oid) ?? oid;
}
