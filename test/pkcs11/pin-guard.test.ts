import { describe, expect, it } from 'vitest';
import { decideLogin, type LoginFacts } from '../../src/pkcs11/pin/pin-guard.js';
import type { PinFailure } from '../../src/pkcs11/token.js';

const fresh: LoginFacts = { pin: 'fine', protectedPath: false, failure: undefined, force: false, now: new Date('2026-01-02T03:04:05Z') };
const later = (seconds: number) => new Date(fresh.now.getTime() + seconds * 1000);
const failure = (outcome: PinFailure['outcome'], attempts = 1): PinFailure => ({
  source: 's',
  at: new Date('2026-01-02T03:04:05Z'),
  outcome,
  attempts,
});

describe('a login', () => {
  it.each<[string, Partial<LoginFacts>]>([
    ['with nothing remembered', {}],
    ['when the count is low and this source has not failed', { pin: 'count-low' }],
    ['a minute after one gave no answer', { failure: failure('unknown'), now: later(60) }],
    ['an hour after the second gave no answer', { failure: failure('unknown', 2), now: later(3600) }],
    ['an hour after the hundredth: never given up', { failure: failure('unknown', 100), now: later(3600) }],
    ['after one gave no answer and the clock was set back', { failure: failure('unknown', 2), now: later(-86_400) }],
    ['on the final try, by force', { pin: 'final-try', force: true }],
  ])('pass: is tried %s', (_, facts) => {
    expect(decideLogin({ ...fresh, ...facts }, 'T', 'PIN file /p')).toEqual({ attempt: true });
  });

  it.each<[string, Partial<LoginFacts>, string]>([
    ['with a source that failed', { failure: failure('failed') }, 'PIN_KNOWN_BAD'],
    ['with a source that failed, when the count is low', { failure: failure('failed'), pin: 'count-low' }, 'PIN_KNOWN_BAD'],
    ['with a source that failed, even by force', { failure: failure('failed'), force: true, pin: 'final-try' }, 'PIN_KNOWN_BAD'],
    ['at once after one gave no answer', { failure: failure('unknown') }, 'PIN_UNANSWERED'],
    [
      'within a minute after one gave no answer, even by force',
      { failure: failure('unknown'), now: later(59), force: true },
      'PIN_UNANSWERED',
    ],
    ['within an hour after the second gave no answer', { failure: failure('unknown', 2), now: later(3599) }, 'PIN_UNANSWERED'],
    [
      'after one gave no answer, when the count is low',
      { failure: failure('unknown'), pin: 'count-low', now: later(86_400) },
      'PIN_KNOWN_BAD',
    ],
    [
      'after one gave no answer, on the final try, even by force',
      { failure: failure('unknown'), pin: 'final-try', now: later(86_400), force: true },
      'PIN_KNOWN_BAD',
    ],
    ['on the final try', { pin: 'final-try' }, 'PIN_FINAL_TRY'],
    ['when locked', { pin: 'locked' }, 'PIN_LOCKED'],
    ['when locked, even by force', { pin: 'locked', force: true }, 'PIN_LOCKED'],
    ['when the PIN is typed on the device', { protectedPath: true }, 'PIN_SOURCE_INVALID'],
  ])('fail: is not tried %s', (_, facts, code) => {
    const decision = decideLogin({ ...fresh, ...facts }, 'T', 'PIN file /p');
    expect(decision).toMatchObject({ attempt: false, code });
    expect(decision).toHaveProperty('sentence', expect.stringMatching(/^.*'T'.*\.$/u));
  });
});
