import type { Instance, InstanceSite } from '../config/instance.js';
import { requestIds } from '../config/request-id.js';
import { tokenName, tokenOf } from '../config/token-of.js';
import { asHsmongerError, HsmongerError } from '../errors.js';
import type { Installation } from '../platform/installation.js';
import { desiredRequests, type DesiredRequest } from './desired.js';
import type { TrackingFacts } from './facts.js';
import { preflight, type Refusal } from './preflight.js';

/** A token that could not be looked at, while another could. */
export interface Away {
  /** The view of it. */
  readonly instance: Instance;
  readonly trouble: HsmongerError;
}

/** The refusal that keeps back only what lies on a token that is away: what lies on another goes on. */
export const tokenAway = 'token-away';

/** Those that speak against the rest too. */
export function standing(refusals: readonly Refusal[]): Refusal[] {
  return refusals.filter(({ check }) => check !== tokenAway);
}

/**
 * One after another: tokens do not like company. Where none can be looked at, the first one's failure is the look's; what is no token's
 * trouble is in any case.
 */
export async function lookAtEach<T>(
  views: readonly Instance[],
  look: (view: Instance) => Promise<T>,
): Promise<{ readonly seen: readonly [T, ...T[]]; readonly away: readonly Away[] }> {
  const seen: T[] = [];
  const away: Away[] = [];
  for (const instance of views) {
    try {
      seen.push(await look(instance));
    } catch (error) {
      const trouble = asHsmongerError(error);
      if (!/^(TOKEN|MODULE|PIN)_/u.test(trouble.code)) throw error;
      away.push({ instance, trouble });
    }
  }
  const [first, ...rest] = seen;
  if (first === undefined) throw away[0]?.trouble ?? new HsmongerError('INTERNAL', 'There was nothing to look at.');
  return { seen: [first, ...rest], away };
}

/** What is wanted and what speaks against it, over all tokens. */
export function judgeLooks(
  whole: InstanceSite & { readonly installation: Installation },
  looks: readonly [TrackingFacts, ...TrackingFacts[]],
  away: readonly Away[],
): { readonly desired: DesiredRequest[]; readonly refusals: Refusal[] } {
  const ours = new Set(requestIds(whole.instance).values());
  const refusals = looks.flatMap((facts) => {
    const here = new Set(requestIds(facts.instance).values());
    // Our own requests for what lies on the other tokens are no strangers.
    return preflight({ ...facts, requests: facts.requests.filter(({ nickname }) => here.has(nickname) || !ours.has(nickname)) });
  });
  const all = [...refusals, ...sameLabels(looks), ...away.flatMap(awayRefusals)];
  return {
    desired: looks.flatMap((facts) => desiredRequests({ ...whole, instance: facts.instance }, facts)),
    refusals: [...new Map(all.map((one) => [`${one.check} ${one.problem}`, one])).values()],
  };
}

/** NSS and certmonger take the first token with the label, of whichever module, silently. */
function sameLabels(looks: readonly TrackingFacts[]): Refusal[] {
  return looks.flatMap(({ token, instance }, index): Refusal[] => {
    const twin = looks
      .slice(0, index)
      .find((other) => other.token !== undefined && other.token.description.label === token?.description.label);
    if (twin === undefined || token === undefined) return [];
    return [
      {
        check: 'token-unique',
        problem: `Two tokens of instance '${instance.name}', of ${tokenOf(twin.instance).module} and of ${tokenOf(instance).module}, are both called '${token.description.label}', and certmonger would take whichever comes first.`,
        fix: 'Give one of them another label, or keep the certificates of both on one.',
      },
    ];
  });
}

function awayRefusals({ instance, trouble }: Away): Refusal[] {
  const label = tokenName(tokenOf(instance).selector);
  return instance.certificates.map(({ nickname }) => ({
    check: tokenAway,
    nickname,
    problem: `'${nickname}' lies on the token '${label}', which cannot be looked at: ${trouble.message}`,
    fix: `Bring that token back, then run this again; what lies on the others goes on meanwhile.`,
  }));
}
