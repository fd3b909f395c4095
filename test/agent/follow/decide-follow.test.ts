import { describe, expect, it } from 'vitest';
import { decideFollow, type HeldRequest } from '../../../src/agent/follow/decide-follow.js';
import { key, published } from './published.js';

const held = (status: string, notAfter = '2027-01-01'): HeldRequest => ({
  status,
  held: { key, certificate: 'c'.repeat(64), notAfter: new Date(notAfter) },
});

describe('what certmonger is asked to do', () => {
  it.each([
    ['a request that waits for the CA is refreshed', held('CA_WORKING'), [published()], false, 'refresh'],
    ['so is one whose CA could not be reached', held('CA_UNREACHABLE'), [published()], false, 'refresh'],
    ['one at rest is resubmitted', held('MONITORING'), [published()], false, 'resubmit'],
    ['so is one the helper refused', held('CA_REJECTED'), [published()], false, 'resubmit'],
    ['one that is being saved is looked at again later', held('NEED_CERTSAVE_TOKEN'), [published()], false, 'later'],
    ['the same certificate is no news', held('MONITORING', '2028-01-01'), [published()], false, 'none'],
    [
      'unless certmonger read it off the token and it was never saved here',
      held('MONITORING', '2028-01-01'),
      [published({ missed: true })],
      false,
      'resubmit',
    ],
    [
      'which goes for the one it holds, not for one that ends with it',
      held('MONITORING', '2028-01-01'),
      [published({ missed: true, certificate: 'd'.repeat(64) })],
      false,
      'none',
    ],
    ['an older one is none', held('MONITORING', '2029-01-01'), [published()], false, 'none'],
    ['one for another key is none: this server would re-key', held('MONITORING'), [published({ key: 'b'.repeat(64) })], false, 'none'],
    ['of two keys the one that is held counts', held('MONITORING'), [published({ key: 'b'.repeat(64) }), published()], false, 'resubmit'],
    ['so is one certmonger is at a loss with', held('NEED_GUIDANCE'), [published()], false, 'resubmit'],
    ['who takes nothing is asked nothing', held('MONITORING'), [published()], true, 'none'],
    ['nothing published, nothing to do', held('CA_WORKING'), [], false, 'none'],
    ['a request without a certificate certmonger can read would get a new key', { status: 'MONITORING' }, [published()], false, 'none'],
  ] as const)('%s', (_case, request, offers, takesNothing, move) => {
    expect(decideFollow(request, offers, takesNothing).move).toBe(move);
  });
});
