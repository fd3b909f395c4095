import { describe, expect, it } from 'vitest';
import { trackingRequestOf, type TrackingRequest } from '../../dbus/tracking-request.js';
import type { RememberedRequest } from '../../src/tracking/taken-over.js';
import type { DesiredRequest } from '../../src/tracking/desired.js';
import { planGiveBack, planReturnOfCas } from '../../src/tracking/give-back.js';
import type { Change } from '../../src/tracking/plan.js';
import { leavingBusy, nothingTaken, withTaken } from '../../src/tracking/take-over.js';

const ca = 'dogtag-ipa-ca-renew-agent';
const ours = `${ca}.ocsp`;

function request(
  changes: Partial<TrackingRequest> & { readonly pinSet?: boolean; readonly pinFile?: string; readonly token?: string } = {},
): TrackingRequest {
  const { pinSet = true, pinFile, token = 'tok', ...rest } = changes;
  const plain = trackingRequestOf('/r', {}, ca);
  const storage = { ...plain.keyStorage, type: 'NSSDB', database: '/alias', nickname: 'ocsp', token };
  return {
    ...plain,
    nickname: '20260101000000',
    status: 'MONITORING',
    monitoring: true,
    autorenew: true,
    keyStorage: storage,
    certificateStorage: storage,
    key: { ...plain.key, pinSet, pinFile },
    template: { ...plain.template, profile: 'caOCSPCert' },
    preSaveCommand: 'stop',
    postSaveCommand: 'renew',
    nssUser: 'pkiuser',
    ...rest,
  };
}

const change = (
  kind: 'modify' | 'replace',
  id = '20260101000000',
  fields: readonly ('CA' | 'profile' | 'request id')[] = ['request id'],
): Change => ({
  kind,
  id,
  request: { id: ours } as DesiredRequest,
  differences: fields.map((field) => ({ field, now: 'x', wanted: 'y' })),
});
const taking = (changes: readonly Change[], existing: readonly TrackingRequest[]) => ({
  changes,
  existing,
  helpers: [{ nickname: ca, command: 'our helper' }],
  cas: [{ nickname: ca, externalHelper: 'their helper' }],
  pinFiles: ['/etc/x.pin'],
});

describe('what is remembered before the first write', () => {
  it('is each request under another id than ours, each helper that is not ours, and no PIN', () => {
    const memory = withTaken(nothingTaken, taking([change('modify')], [request()]));
    expect(memory).toMatchObject({
      cas: [{ nickname: ca, helper: 'their helper' }],
      pinFiles: ['/etc/x.pin'],
      requests: [
        {
          id: '20260101000000',
          ours,
          ca,
          profile: 'caOCSPCert',
          preSaveCommand: 'stop',
          postSaveCommand: 'renew',
          nssUser: 'pkiuser',
          pinSet: true,
          keyToken: 'tok',
        },
      ],
    });
  });

  it('stays what it was where a run was interrupted', () => {
    const first = withTaken(nothingTaken, taking([change('modify')], [request()]));
    const halfway = {
      ...taking([change('modify')], [request({ pinSet: false, pinFile: '/etc/x.pin' })]),
      cas: [{ nickname: ca, externalHelper: 'our helper' }],
    };
    expect(withTaken(first, halfway)).toEqual(first);
  });

  it('is renewed where FreeIPA has tracked the certificate anew and set its helper again', () => {
    const first = withTaken(nothingTaken, taking([change('modify')], [request()]));
    const again = withTaken(first, {
      ...taking([change('modify', '20270101000000')], [request({ nickname: '20270101000000', preSaveCommand: 'other' })]),
      cas: [{ nickname: ca, externalHelper: 'newer helper' }],
    });
    expect(again.requests).toMatchObject([{ id: '20270101000000', preSaveCommand: 'other' }]);
    expect(again.cas).toEqual([{ nickname: ca, helper: 'newer helper' }]);
  });

  it('is nothing of a request that is ours already', () => {
    expect(withTaken(nothingTaken, taking([change('modify', ours)], [request({ nickname: ours })])).requests).toEqual([]);
  });

  it('is that a CA was not there', () => {
    const memory = withTaken(nothingTaken, { ...taking([], []), cas: [] });
    expect(memory.cas).toEqual([{ nickname: ca }]);
    expect(withTaken(memory, { ...taking([], []), cas: [] }).cas).toEqual([{ nickname: ca }]);
  });
});

describe('a request in the middle of something at one of the two other CAs', () => {
  it.each([
    ['CA_WORKING', `${ca}-selfsigned`, ['request id']],
    ['SUBMITTING', `${ca}-reuse`, ['request id']],
    ['CA_UNREACHABLE', `${ca}-reuse`, ['request id']],
    ['MONITORING', `${ca}-reuse`, ['request id', 'CA', 'profile']],
    ['CA_REJECTED', `${ca}-selfsigned`, ['request id', 'CA', 'profile']],
    ['CA_WORKING', ca, ['request id', 'CA', 'profile']],
  ])('(%s, %s) changes %j', (status, at, fields) => {
    const [left] = leavingBusy([change('modify', undefined, ['request id', 'CA', 'profile'])], [request({ status, ca: at })], ca);
    expect(left?.kind === 'modify' ? left.differences.map(({ field }) => field) : undefined).toEqual(fields);
  });

  it('that is ours already but for the CA is left alone', () => {
    expect(
      leavingBusy([change('modify', ours, ['CA'])], [request({ nickname: ours, status: 'CA_WORKING', ca: `${ca}-reuse` })], ca),
    ).toEqual([]);
  });
});

describe('giving back', () => {
  const [before] = withTaken(nothingTaken, taking([change('modify')], [request()])).requests as readonly [RememberedRequest];
  const taken = request({ nickname: ours, pinSet: false, pinFile: '/etc/x.pin', preSaveCommand: 'our stop', postSaveCommand: 'our renew' });

  it('sets what we changed and nothing else', () => {
    expect(planGiveBack({ requests: [before] }, [taken]).requests).toEqual([
      { id: ours, to: '20260101000000', settings: { nickname: '20260101000000', preSaveCommand: 'stop', postSaveCommand: 'renew' } },
    ]);
  });

  it('names the PIN file that stays, and keeps it', () => {
    const { notes, neededPinFiles } = planGiveBack({ requests: [before] }, [taken]);
    expect(notes.join()).toContain('keeps the PIN file /etc/x.pin');
    expect(neededPinFiles).toEqual(['/etc/x.pin']);
  });

  it('restores a PIN file of its own, or none', () => {
    expect(planGiveBack({ requests: [{ ...before, pinSet: false, pinFile: '/theirs' }] }, [taken])).toMatchObject({
      requests: [{ settings: { keyPinFile: '/theirs' } }],
      neededPinFiles: ['/theirs'],
    });
    expect(planGiveBack({ requests: [{ ...before, pinSet: false }] }, [taken])).toMatchObject({
      requests: [{ settings: { keyPinFile: '' } }],
      neededPinFiles: [],
    });
  });

  it('takes away what was not set', () => {
    expect(
      planGiveBack({ requests: [{ ...before, profile: undefined, nssUser: undefined }] }, [taken]).requests[0]?.settings,
    ).toMatchObject({ profile: '', nssUser: '' });
  });

  it('does nothing for what is given back already', () => {
    const back = request({ pinSet: false, pinFile: '/etc/x.pin' });
    expect(planGiveBack({ requests: [before] }, [back])).toMatchObject({ requests: [], neededPinFiles: ['/etc/x.pin'] });
  });

  it('says of a request that is gone, and leaves alone what FreeIPA tracks anew', () => {
    const { requests, notes } = planGiveBack({ requests: [before] }, [request({ nickname: '20270101000000' })]);
    expect(requests).toEqual([]);
    expect(notes.join()).toContain("Request '20260101000000' is gone");
  });

  it('keeps a token on which the key is', () => {
    expect(planGiveBack({ requests: [{ ...before, keyToken: 'wrong', certificateToken: 'wrong' }] }, [taken]).notes.join()).toContain(
      "looked for its key on token 'wrong'",
    );
  });

  it.each([
    ['our helper', 'their helper', [{ nickname: ca, helper: 'their helper' }]],
    ['their helper', 'their helper', []],
    ['our helper', undefined, [{ nickname: ca, helper: undefined }]],
  ])('a CA with %j gets %j', (now, helper, wanted) => {
    expect(
      planReturnOfCas({ cas: [{ nickname: ca, ...(helper === undefined ? {} : { helper }) }] }, [{ nickname: ca, externalHelper: now }]),
    ).toEqual(wanted);
  });

  it('a CA that is gone is not made again', () => {
    expect(planReturnOfCas({ cas: [{ nickname: ca, helper: 'x' }] }, [])).toEqual([]);
  });
});
