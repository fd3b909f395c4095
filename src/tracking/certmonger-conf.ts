/** What certmonger.conf says about re-keying; an absent key is absent in the file. */
export interface CertmongerConf {
  readonly maxKeyLifetime?: string;
  readonly maxKeyUseCount?: string;
}

/** What [defaults] says that makes certmonger generate a new key at a renewal (prefs.c). */
export function parseCertmongerConf(text: string): CertmongerConf {
  const found = defaultsOf(text);
  const maxKeyLifetime = found.get('max_key_lifetime');
  const maxKeyUseCount = found.get('max_key_use_count');
  return { ...(maxKeyLifetime === undefined ? {} : { maxKeyLifetime }), ...(maxKeyUseCount === undefined ? {} : { maxKeyUseCount }) };
}

/**
 * Every key of [defaults]. Sections and keys are case-sensitive, there are no continuation lines, and of two lines with one key certmonger
 * may take either: any value that counts is reported.
 */
export function defaultsOf(text: string): ReadonlyMap<string, string> {
  let section = '';
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/u)) {
    const header = /^\s*\[(?<name>[^\]]*)\]/u.exec(line);
    if (header !== null) {
      section = header.groups?.['name']?.trim() ?? '';
      continue;
    }
    const setting = /^\s*(?<key>[^=#;\s]+)\s*=\s*(?<value>.*?)\s*$/u.exec(line);
    const key = setting?.groups?.['key'];
    const value = setting?.groups?.['value'] ?? '';
    if (key === undefined || section !== 'defaults' || (found.has(key) && isNothing(value))) continue;
    found.set(key, value);
  }
  return found;
}

/** Whether a value means "no limit". */
export function isNothing(value: string): boolean {
  return /^0*$/u.test(value);
}
