import { HsmongerError } from '../errors.js';
import { isProfileName, type ProfileName } from './profile-names.js';

/** What people call the profiles. */
const words: Readonly<Record<string, ProfileName>> = {
  server: 'caServerCert',
  client: 'caUserCert',
  ocsp: 'caOCSPCert',
  subsystem: 'caSubsystemCert',
  audit: 'caSignedLogCert',
  'sub-ca': 'caCACert',
};

/** A profile's name from a word for it, or itself; USAGE for anything else: people write them on command lines only. */
export function profileOfWord(word: string): ProfileName {
  const name = Object.hasOwn(words, word) ? words[word] : undefined;
  if (name !== undefined) return name;
  if (isProfileName(word)) return word;
  throw new HsmongerError(
    'USAGE',
    `There is no profile '${word}'; there are ${Object.keys(words).join(', ')}, and Dogtag's names for them and others.`,
  );
}
