import { loadInstance } from '../../config/load.js';
import { asHsmongerError, helperReaction } from '../../errors.js';
import { askService } from '../../service/ask.js';
import { certificateFromPem } from '../../x509/pem.js';
import type { InstanceContext } from '../instances/instance-context.js';
import type { Refused } from './refusal-watch.js';

/** Whether the issuer would issue now; 'cannot say': it decides when it is asked in earnest. */
export type IssuerAnswer = 'yes' | 'no' | 'cannot say';

const timeoutMs = 60_000;

/**
 * Whether the issuer would grant now what it refused, as the helper would find it at its next run: by the instance file as it is now, which
 * may be another than the agent read. Only a token's own CA can say. Who is missing in the answer could not be asked about. Never rejects.
 */
export async function askIssuer(
  { instance: { name }, directories }: Pick<InstanceContext, 'instance' | 'directories'>,
  refused: readonly Refused[],
): Promise<ReadonlyMap<string, IssuerAnswer>> {
  const all = (answer: IssuerAnswer) => new Map(refused.map(({ nickname }) => [nickname, answer] as const));
  try {
    const instance = loadInstance(directories, name);
    if (instance.issuer.type !== 'token') return all('cannot say');
    const storage = new Map(instance.certificates.map((certificate) => [certificate.nickname, certificate.storage.kind]));
    const certificates = refused.map(({ nickname, pem }) => ({
      nickname,
      ...(storage.get(nickname) === 'token' || pem === undefined ? {} : { certificate: certificateFromPem(pem) }),
    }));
    const previews = await askService({ instance, directories }, 'preview renewals', { certificates }, { timeoutMs });
    return new Map(
      previews.flatMap((preview) =>
        preview.ok || isRefusal(preview) ? [[preview.nickname, preview.ok ? ('yes' as const) : ('no' as const)] as const] : [],
      ),
    );
  } catch (error) {
    return isRefusal(asHsmongerError(error)) ? all('no') : new Map();
  }
}

/** What passes by itself is no word of the issuer's. */
function isRefusal({ code }: { readonly code: string }): boolean {
  const reaction = helperReaction(code as Parameters<typeof helperReaction>[0]);
  return reaction === 'rejected' || reaction === 'unconfigured';
}
