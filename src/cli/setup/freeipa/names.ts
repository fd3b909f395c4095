import { HsmongerError } from '../../../errors.js';
import type { CaCommand } from '../work.js';

/** FreeIPA's name of its CA in certmonger (ipalib/constants.py), kept: its own tools ask for requests by it. */
export const freeIpaInstance = 'dogtag-ipa-ca-renew-agent';

/** What an instance is called where none is named (global-options.ts). */
const unnamed = 'hsmonger';

/** The instance on an IPA server has FreeIPA's name; USAGE for another. */
export function freeIpaInstanceOf(given: string): string {
  if (given === unnamed || given === freeIpaInstance) return freeIpaInstance;
  throw new HsmongerError(
    'USAGE',
    `On an IPA server the instance is '${freeIpaInstance}', the CA of certmonger that FreeIPA's own tools know, not '${given}'; leave --instance out.`,
  );
}

/** The three CAs of certmonger FreeIPA knows (dogtaginstance.py, configure_certmonger_renewal), all with our helper. */
export function freeIpaCas(instance: string, submitCommand: string): CaCommand[] {
  return [
    { nickname: instance, command: submitCommand },
    { nickname: `${instance}-reuse`, command: `${submitCommand} --reuse-existing` },
    { nickname: `${instance}-selfsigned`, command: `${submitCommand} --force-self-signed` },
  ];
}
