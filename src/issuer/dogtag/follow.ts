import { HsmongerError } from '../../errors.js';
import type { Clock } from '../../platform/clock.js';
import type { Issued, Pending } from '../issuer.js';
import type { DogtagApi, RequestState } from './api.js';
import { judge } from './judge.js';
import type { Order } from './order.js';
import { pendingText } from './pending.js';
import type { Certificate } from '../../x509/certificate.js';
import { nameText } from '../../x509/names/name.js';

/** What became of a request the CA has. */
export type Course =
  | { readonly kind: 'issued'; readonly answer: Issued }
  | { readonly kind: 'pending'; readonly answer: Pending }
  /** It ended, without a certificate that may be handed out. */
  | { readonly kind: 'ended'; readonly failure: HsmongerError }
  /** It is somebody else's. */
  | { readonly kind: 'not ours' };

export interface FollowParts {
  readonly api: DogtagApi;
  readonly order: Order;
  /** Whether somebody is here who may approve. */
  readonly hasAgent: boolean;
  readonly trusted: readonly Certificate[];
  /** Read once the certificate is here: it may be valid from the second it was approved in. */
  readonly clock: Clock;
}

/** An administrator's approval takes longer than the CA's own work. */
const humanSeconds = 300;
const serverSeconds = 60;

/** Takes a request as far as it goes: approves it, where it waits for that, and fetches the certificate. */
export async function follow(parts: FollowParts, state: RequestState): Promise<Course> {
  const { api, order, hasAgent } = parts;
  switch (state.status) {
    case 'complete': {
      const answer = judge(order, await api.fetch(state), parts.trusted, parts.clock());
      return answer instanceof HsmongerError ? { kind: 'ended', failure: answer } : { kind: 'issued', answer };
    }
    case 'refused':
      return {
        kind: 'ended',
        failure: new HsmongerError(
          'CA_REFUSED',
          `The CA refused request ${state.id} for ${nameText(order.wish.csr.subject)}: ${state.words ?? 'it gave no reason'}.`,
        ),
      };
    case 'pending': {
      if (!hasAgent) return waiting(parts, state, 'has no agent here', humanSeconds);
      const approval = await api.approve(state.id, order.wish);
      if (approval === 'not ours') return { kind: 'not ours' };
      if (approval === 'not allowed')
        return waiting(parts, state, 'may not be approved with the certificate of the agent here', humanSeconds);
      const next = await api.check(state.id);
      if (next?.status !== 'pending')
        return follow(parts, next ?? { id: state.id, status: 'refused', words: 'it forgot the request once it was approved' });
      return waiting(parts, state, 'was approved, and the CA has not finished with it', serverSeconds);
    }
  }
}

function waiting({ order }: FollowParts, { id }: RequestState, why: string, afterSeconds: number): Course {
  const todo = afterSeconds === humanSeconds ? `; an agent approves it with 'pki ca-cert-request-approve ${id}'` : '';
  return {
    kind: 'pending',
    answer: {
      pending: pendingText({ state: 'check', requestId: id }),
      afterSeconds,
      message: `Request ${id} for ${nameText(order.wish.csr.subject)} waits at the CA: it ${why}${todo}.`,
    },
  };
}
