import { stringify } from 'smol-toml';
import type { Instance, NamedProfile } from '../../../config/instance.js';
import { chosenToken, lyingOn } from '../../../config/token-views.js';
import { HsmongerError } from '../../../errors.js';
import { harmless } from '../../output.js';
import { certificateTable } from '../../setup/document.js';

/**
 * The name of the further token a certificate goes to, undefined for the instance's own: the one that was named, else the one it has in the
 * instance file. USAGE where the two differ, or where the CA's own nickname would lead to another certificate than the CA's.
 */
export function tokenFor(instance: Instance, nickname: string, named: string | undefined): string | undefined {
  const { file, issuer, certificates } = instance;
  const known = certificates.find((certificate) => certificate.nickname === nickname);
  const on = named === undefined && known !== undefined ? lyingOn(known.storage) : chosenToken(instance, named).partOn;
  if (known !== undefined && (known.storage.kind !== 'token' || lyingOn(known.storage) !== on))
    throw new HsmongerError(
      'USAGE',
      `In ${file} the certificate '${nickname}' is ${known.storage.kind === 'token' ? `on ${tableOf(lyingOn(known.storage))}` : 'not on a token'}, and not on ${tableOf(on)}; choose another --nickname, or have the file say otherwise.`,
    );
  if (on !== undefined && issuer.type === 'token' && issuer.certificate === nickname)
    throw new HsmongerError(
      'USAGE',
      `'${nickname}' is the CA of ${file}, whose certificate and key are on [token]; choose another --nickname for what is to be on ${tableOf(on)}.`,
    );
  return on;
}

/** What is to be done for its renewal, where the instance file does not have it; empty otherwise. */
export function howToTrack(
  { name, file, certificates }: Instance,
  { nickname, profile, days, on }: NamedProfile & { readonly days: number | undefined; readonly on: string | undefined },
): string {
  if (certificates.some((certificate) => certificate.nickname === nickname)) return '';
  const storage = { kind: 'token', ...(on === undefined ? {} : { on }) } as const;
  const table = certificateTable({ nickname, profile, storage, ...(days === undefined ? {} : { days }) });
  return `hsmonger: Nobody renews '${harmless(nickname)}' yet: put these lines behind what is in ${file}, then run\n  hsmonger setup --instance ${name} --yes\n\n${stringify({ certificate: [table] })}`;
}

function tableOf(on: string | undefined): string {
  return on === undefined ? '[token]' : `[tokens.${on}]`;
}
