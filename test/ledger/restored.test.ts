import fc from 'fast-check';
import { expect, it } from 'vitest';
import { restoredCrlNumber } from '../../src/ledger/restored.js';

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000);

it('is above every number that is known, by one for each second since the backup, a thousand at least, whatever the clock says', () => {
  fc.assert(
    fc.property(
      fc.array(fc.option(fc.bigInt({ min: 0n, max: 2n ** 100n }), { nil: undefined })),
      fc.integer({ min: -1_000_000, max: 100_000_000 }),
      (known, passed) => {
        const highest = known.reduce<bigint>((most, number) => (number !== undefined && number > most ? number : most), 0n);
        expect(restoredCrlNumber({ backedUpAt: at(0), now: at(passed) }, known) - highest).toBe(BigInt(Math.max(1000, passed)));
      },
    ),
  );
});

it('is never one that leaves hardly any for CRLs to come, wherever it was seen', () => {
  const most = 2n ** 159n - 1n;
  for (const [known, published] of [
    [[most], undefined],
    [[5n], most],
    [[most], 5n],
  ] as const)
    expect(() => restoredCrlNumber({ backedUpAt: at(0), now: at(0) }, known, published)).toThrow(
      expect.objectContaining({ code: 'CRL_NUMBER', message: expect.stringMatching(/nothing was put in place/u) as string }) as Error,
    );
});

it('is the published one where that is said and no higher one is known', () => {
  expect(restoredCrlNumber({ backedUpAt: at(0), now: at(9_999_999) }, [5n, undefined], 42n)).toBe(42n);
  expect(restoredCrlNumber({ backedUpAt: at(0), now: at(9_999_999) }, [50n], 42n)).toBe(50n);
});
