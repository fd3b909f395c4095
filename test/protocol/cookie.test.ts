import { execFileSync } from 'node:child_process';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCookie, writeCookie, type CookieForm, type Progress } from '../../src/protocol/cookie.js';

const pem = '-----BEGIN CERTIFICATE-----\nMIIB+/==\n-----END CERTIFICATE-----';
const approve = 'state=approve&requestId=7';
/** Captured from FreeIPA's own helper: the renewal of a CA that signs itself. */
const captured = String.raw`{"cookie": "request:{\"cookie\": \"request:{\\\"cookie\\\": \\\"state=approve&requestId=7\\\", \\\"profile\\\": \\\"caCACert\\\"}\", \"profile\": \"caCACert\"}", "profile": null}`;

interface Order {
  readonly form: CookieForm | 'replica';
  readonly profile: string | null;
  readonly operation: 'SUBMIT' | 'POLL';
  readonly cookie?: string;
  readonly inner?: readonly unknown[];
  readonly stored?: boolean;
}
/** FreeIPA's side. */
function freeIpa(order: Order): { readonly result: readonly [number, ...unknown[]]; readonly calls: readonly unknown[][] } {
  const input = JSON.stringify({ inner: [5, 0, approve], stored: false, ...order });
  return JSON.parse(
    execFileSync('python3', [path.join(import.meta.dirname, 'freeipa-cookies.py')], { input, encoding: 'utf8' }),
  ) as ReturnType<typeof freeIpa>;
}

const profiles = { own: 'caServerCert', shared: 'caOCSPCert', ca: null } as const;
const forms = ['own', 'shared', 'ca'] as const;

describe("a cookie of FreeIPA's helper is understood", () => {
  it('as it was captured', () => {
    expect(readCookie(captured, undefined)).toEqual({ state: 'request', pending: approve });
    expect(freeIpa({ form: 'ca', profile: null, operation: 'SUBMIT' }).result[2]).toBe(captured);
  });

  it.each(forms)('that waits for the CA: %s', (form) => {
    const { result } = freeIpa({ form, profile: profiles[form], operation: 'SUBMIT' });
    expect(readCookie(result[2] as string, profiles[form] ?? undefined)).toEqual({ state: 'request', pending: approve });
  });

  it.each(['shared', 'ca'] as const)('that carries a certificate it could not publish: %s', (form) => {
    const { result } = freeIpa({ form, profile: profiles[form], operation: 'SUBMIT', inner: [0, pem] });
    expect(readCookie(result[2] as string, profiles[form] ?? undefined)).toEqual({ state: 'store', certificate: pem });
  });

  it('that waits on a replica: there is nothing to go on with', () => {
    expect(
      readCookie(freeIpa({ form: 'replica', profile: 'caOCSPCert', operation: 'SUBMIT' }).result[2] as string, 'caOCSPCert'),
    ).toBeUndefined();
  });

  it('of another profile is begun anew, by both', () => {
    const { result } = freeIpa({ form: 'shared', profile: 'caOCSPCert', operation: 'SUBMIT' });
    const cookie = result[2] as string;
    expect(readCookie(cookie, 'caServerCert')).toBeUndefined();
    expect(freeIpa({ form: 'shared', profile: 'caServerCert', operation: 'POLL', cookie }).calls).toEqual([
      ['request', 'SUBMIT', 'caServerCert', null],
    ]);
  });
});

describe("a cookie of ours is understood by FreeIPA's helper, and by us", () => {
  it.each(forms)('where the CA has the request: %s', (form) => {
    const profile = profiles[form];
    const cookie = writeCookie(form, profile ?? undefined, { state: 'request', pending: approve });
    expect(cookie).toBe(freeIpa({ form, profile, operation: 'SUBMIT' }).result[2]);
    expect(freeIpa({ form, profile, operation: 'POLL', cookie }).calls).toEqual([
      ['request', 'POLL', form === 'ca' ? 'caCACert' : profile, approve],
    ]);
    expect(readCookie(cookie, profile ?? undefined)).toEqual({ state: 'request', pending: approve });
  });

  it.each(['shared', 'ca'] as const)('where a certificate is to be published: %s', (form) => {
    const profile = profiles[form];
    const cookie = writeCookie(form, profile ?? undefined, { state: 'store', certificate: `${pem}\n` });
    expect(freeIpa({ form, profile, operation: 'POLL', cookie, stored: true })).toEqual({ result: [0, pem], calls: [['store', 1, pem]] });
    expect(readCookie(cookie, profile ?? undefined)).toEqual({ state: 'store', certificate: pem });
    // And goes on from what that one made of it.
    expect(readCookie(freeIpa({ form, profile, operation: 'POLL', cookie }).result[2] as string, profile ?? undefined)).toEqual({
      state: 'store',
      certificate: pem,
    });
  });

  it('where a replica waits', () => {
    const cookie = writeCookie('shared', 'caOCSPCert', { state: 'retrieve' });
    expect(cookie).toBe(freeIpa({ form: 'replica', profile: 'caOCSPCert', operation: 'SUBMIT' }).result[2]);
    expect(freeIpa({ form: 'replica', profile: 'caOCSPCert', operation: 'POLL', cookie })).toEqual({
      result: [5, 28800, cookie],
      calls: [['retrieve', 'POLL']],
    });
    const ca = writeCookie('ca', undefined, { state: 'retrieve' });
    expect(freeIpa({ form: 'ca', profile: null, operation: 'POLL', cookie: ca }).calls).toEqual([['retrieve', 'POLL']]);
  });

  it.each(forms)('where nothing has been reached it begins anew: %s', (form) => {
    const cookie = writeCookie(form, profiles[form] ?? undefined, undefined);
    expect(freeIpa({ form, profile: profiles[form], operation: 'POLL', cookie }).calls).toEqual([
      ['request', 'SUBMIT', form === 'ca' ? 'caCACert' : profiles[form], null],
    ]);
    expect(readCookie(cookie, profiles[form] ?? undefined)).toBeUndefined();
  });
});

describe('without FreeIPA', () => {
  it("a cookie is what certmonger's own dogtag-submit writes and reads, or says nothing", () => {
    expect(writeCookie('certmonger', 'caOCSPCert', { state: 'request', pending: approve })).toBe(approve);
    expect(readCookie(approve, 'caOCSPCert')).toEqual({ state: 'request', pending: approve });
    expect(writeCookie('certmonger', 'caOCSPCert', undefined)).toBe('hsmonger');
    expect(writeCookie('certmonger', 'caOCSPCert', { state: 'retrieve' })).toBe('hsmonger');
  });

  it("another issuer's word for a request, or a certificate, comes back all the same", () => {
    for (const progress of [
      { state: 'request', pending: 'token 7/8' },
      { state: 'store', certificate: pem },
    ] as const) {
      expect(readCookie(writeCookie('certmonger', 'caOCSPCert', progress), 'caOCSPCert')).toEqual(progress);
    }
  });
});

describe('a cookie that says nothing we know is a SUBMIT asked again, never an error', () => {
  const deep = Array.from({ length: 9 }).reduce<string>((inner) => JSON.stringify({ cookie: `request:${inner}`, profile: 'p' }), 'x');
  it.each([
    [undefined],
    [''],
    ['hsmonger'],
    ['7'],
    ['null'],
    ['[]'],
    ['"x"'],
    ['{'],
    ['{}'],
    ['{"profile": "p"}'],
    ['{"cookie": "x"}'],
    ['{"cookie": 7, "profile": "p"}'],
    ['{"cookie": "x", "profile": 7}'],
    ['{"cookie": "", "profile": "p"}'],
    ['{"cookie": "request:x", "profile": "p"}'],
    ['{"cookie": "retrieve:{}", "profile": "p"}'],
    ['{"cookie": "a\\nb", "profile": "p"}'],
    ['state=approve'],
    ['state=x&requestId=7'],
    ['state=approve&requestId=7\n'],
    [deep],
    [`{"cookie": "${'x'.repeat(70_000)}", "profile": "p"}`],
  ])('%j', (cookie) => {
    expect(readCookie(cookie, 'p')).toBeUndefined();
  });

  it('nor is any other text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        readCookie(text, undefined);
      }),
    );
  });
});

it('every cookie is one line of ASCII that gives back what was written', () => {
  const progress = fc.oneof(
    fc
      .stringMatching(/^[ -~]{1,40}$/u)
      .filter((text) => !/^(?:request|store|retrieve):/u.test(text))
      .map((pending): Progress => ({ state: 'request', pending })),
    fc.stringMatching(/^[A-Za-z0-9+/=-]{1,40}$/u).map((certificate): Progress => ({ state: 'store', certificate })),
  );
  fc.assert(
    fc.property(
      fc.constantFrom<CookieForm>('certmonger', 'shared', 'ca'),
      fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
      progress,
      (form, profile, reached) => {
        const cookie = writeCookie(form, profile, reached);
        expect(cookie).toMatch(/^[ -~]+$/u);
        expect(readCookie(cookie, profile)).toEqual(reached);
      },
    ),
  );
});
