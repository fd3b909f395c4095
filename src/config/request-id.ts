import type { CertificateConfig, Instance } from './instance.js';
import { HsmongerError } from '../errors.js';

/** The tracking request's id in certmonger: words of hook command lines, so only letters, digits, '.', '_' and '-' (design rule 12). */
export function requestId(instance: Pick<Instance, 'name'>, nickname: string): string {
  return `${instance.name}.${nickname.replace(/[^A-Za-z0-9._-]/gu, '_')}`;
}

/** The id of each certificate of the instance, by nickname; CONFIG_INVALID when two nicknames make one. */
export function requestIds(
  instance: Pick<Instance, 'name' | 'file'> & { readonly certificates: readonly Pick<CertificateConfig, 'nickname'>[] },
): ReadonlyMap<string, string> {
  const ids = new Map<string, string>();
  const taken = new Map<string, string>();
  for (const { nickname } of instance.certificates) {
    const id = requestId(instance, nickname);
    // certmonger looks for duplicates without regard to case (tdbush.c:649).
    const other = taken.get(id.toLowerCase());
    if (other !== undefined) {
      throw new HsmongerError(
        'CONFIG_INVALID',
        `In ${instance.file}: the nicknames '${other}' and '${nickname}' would share the request id '${id}' in certmonger; rename one of the two certificates.`,
      );
    }
    taken.set(id.toLowerCase(), nickname);
    ids.set(nickname, id);
  }
  return ids;
}
