import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import type { IssuerAnswer } from '../../../src/agent/heal/ask-issuer.js';
import { createRefusalWatch } from '../../../src/agent/heal/refusal-watch.js';
import { parseInstance } from '../../../src/config/schema.js';

const instance = parseInstance(
  'x',
  '/x.toml',
  parse(
    '[token]\nlabel="t"\nmodule="/m.so"\npin-file="/nowhere/pin"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n[[certificate]]\nnickname="ocsp"\nprofile="caOCSPCert"\n',
  ),
);

/** One refused certificate, an issuer that answers as it is told, and files that change when they are told. */
function world() {
  let [ms, configured, asked] = [0, 'one', 0];
  let answer: IssuerAnswer | undefined = 'cannot say';
  const refusalWatch = createRefusalWatch({
    instance: { ...instance, agent: { ...instance.agent, probeSeconds: 60 } },
    ask: () => {
      asked += 1;
      return Promise.resolve(new Map(answer === undefined ? [] : [['ocsp', answer]]));
    },
    onAnswer: () => undefined,
    now: () => ms,
    configured: () => configured,
  });
  const settle = () =>
    new Promise((resolve) => {
      setImmediate(resolve);
    });
  return {
    refusalWatch,
    asked: () => asked,
    answer: (is: IssuerAnswer | undefined) => {
      answer = is;
    },
    configure: (is: string) => {
      configured = is;
    },
    /** Gives whether it is seen to be mended. */
    async look(seconds: number, triedMs = 0, caDown = false) {
      ms += seconds * 1000;
      refusalWatch.consider([{ nickname: 'ocsp', triedMs }], caDown);
      await settle();
      return refusalWatch.mended({ nickname: 'ocsp', triedMs });
    },
  };
}

describe('whether what was refused would be granted now', () => {
  it('is told by an answer that turns from no to yes, once, and not asked more often than every 40 seconds', async () => {
    const at = world();
    at.answer('no');
    expect([await at.look(0), await at.look(20), await at.look(19)]).toEqual([false, false, false]);
    expect(at.asked()).toBe(1);
    at.answer('yes');
    expect([await at.look(2), at.asked()]).toEqual([true, 2]);
    expect([await at.look(50, 45_000), await at.look(50, 45_000)]).toEqual([false, false]);
  });

  it('is not told by a yes that was one from the start, nor by no answer at all', async () => {
    const at = world();
    at.answer('yes');
    expect([await at.look(0), await at.look(41)]).toEqual([false, false]);
    at.answer('no');
    expect(await at.look(41)).toBe(false);
    at.answer(undefined);
    expect([await at.look(41), await at.look(41)]).toEqual([false, false]);
  });

  it('is told by a change of what is configured where the issuer cannot say, and by its no where it can', async () => {
    const at = world();
    expect([await at.look(0), await at.look(5)]).toEqual([false, false]);
    at.configure('two');
    expect(await at.look(5)).toBe(true);
    // What was configured when it was tried again is what counts then.
    expect([await at.look(5, 12_000), await at.look(5, 12_000)]).toEqual([false, false]);
    at.answer('no');
    at.configure('three');
    expect(await at.look(5, 12_000)).toBe(false);
  });

  it('is told by a CA that comes back, once it is there', async () => {
    const at = world();
    expect([await at.look(0), await at.look(5, 0, true), await at.look(5, 0, true)]).toEqual([false, false, false]);
    expect(await at.look(5)).toBe(true);
  });
});
