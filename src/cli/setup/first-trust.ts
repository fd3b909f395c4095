import type { Instance, InstanceSite } from '../../config/instance.js';
import { asHsmongerError } from '../../errors.js';
import { sameTrust, trustOf } from '../../nss/trust.js';
import { askService } from '../../service/ask.js';
import type { Survey } from '../../tracking/survey.js';

/** A certificate that has no trust yet, and what its profile asks for. */
export interface FirstTrust {
  readonly nickname: string;
  readonly trust: string;
}

/**
 * The certificates on a token that are to be trusted and are not in the NSS database itself, where NSS keeps trust: after a renewal
 * post-save would put them there. What is there has the trust somebody gave it, which is the doctor's to judge.
 */
export async function withoutTrust(place: InstanceSite, { facts }: Pick<Survey, 'facts'>): Promise<FirstTrust[]> {
  const wanted = trusted(place.instance).filter(({ nickname }) =>
    facts.some(({ token }) => token?.certificates.some(({ label }) => label === nickname) === true),
  );
  if (wanted.length === 0) return [];
  const there = await askService(place, 'list internal nicknames', undefined);
  return wanted.filter(({ nickname }) => !there.includes(nickname));
}

/** Sets it, as after a renewal; why that cannot be done, a sentence. */
export async function trustFault(place: InstanceSite, nickname: string): Promise<string | undefined> {
  try {
    await askService(place, 'set trust', { nickname });
    return undefined;
  } catch (error) {
    return `'${nickname}' is not trusted in the NSS database ${place.instance.nss.database} yet: ${asHsmongerError(error).message} Run setup again when that is mended.`;
  }
}

/** NSS gives 'u' by itself. */
function trusted({ certificates }: Instance): FirstTrust[] {
  return certificates
    .filter(({ storage }) => storage.kind === 'token')
    .map(({ nickname, profile }) => ({ nickname, trust: trustOf(profile) }))
    .filter(({ trust }) => !sameTrust(trust, ',,'));
}
