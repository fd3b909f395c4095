import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/ledger/database.js';
import { insertIssued } from '../../src/ledger/issued.js';
import { openLedger } from '../../src/ledger/ledger.js';
import { endHold, findRevocation, findTold, listTold, revoke } from '../../src/ledger/revocation.js';
import { takeOverListed } from '../../src/service/tasks/ca/take-over-listed.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { makeCertificate, makeKeys } from '../x509/material.js';

let directory: PrivateDirectory;
let ledger: Database;
/** Of the CA, as of what makeCertificate() signs. */
let subject: Uint8Array;
let signed: Uint8Array;
let stranger: Uint8Array;
const id = { issuerKey: 'aa', serial: '4001' };
const earlier = new Date('2026-02-01T00:00:00Z');
const later = new Date('2026-03-01T00:00:00Z');

beforeAll(async () => {
  const keys = await makeKeys('p256');
  const [own, other] = await Promise.all([makeCertificate({ keys }), makeCertificate({ keys, subject: 'CN=Other' })]);
  ({ subject, der: signed } = own);
  stranger = other.der;
});
beforeEach(() => {
  directory = privateDirectory('listed');
  ledger = openLedger(path.join(directory.path, 'ledger.sqlite'));
});
afterEach(() => {
  ledger.close();
  directory.remove();
});

const issue = (of = id, certificate: Uint8Array = Uint8Array.of(1)) => {
  insertIssued(ledger, {
    ...of,
    request: 'r1',
    profile: 'caServerCert',
    subject: 'CN=a',
    subjectKey: 'k1',
    notBefore: earlier,
    notAfter: new Date('2055-01-01T00:00:00Z'),
    certificate,
    issuedAt: earlier,
    uid: 17,
  });
};
const hold = () => {
  revoke(ledger, id, { at: earlier, reason: 'certificateHold' }, 17);
};
const holdEnded = () => {
  hold();
  endHold(ledger, id, earlier, 17);
};
const final = () => {
  revoke(ledger, id, { at: earlier, reason: 'superseded' }, 17);
};
const nothing = () => undefined;
const takeOver = (reason: 'keyCompromise' | 'certificateHold') =>
  takeOverListed(ledger, { subject, issuerKey: id.issuerKey }, [{ serial: Buffer.from(id.serial, 'hex'), revokedAt: later, reason }], 17);
const standing = () => (findRevocation(ledger, id) ?? findTold(ledger, id))?.reason;

describe.each([
  [
    'one the ledger has',
    () => {
      issue();
    },
  ],
  ['one it has not', nothing],
])('of a certificate, %s, a published CRL', (_which, write) => {
  beforeEach(write);

  it.each([
    ['says nothing', nothing],
    ['ended a hold', holdEnded],
    ['has it on hold', hold],
  ])('that lists it for good counts where the ledger %s', (_what, before) => {
    before();
    expect(takeOver('keyCompromise')).toBe(1);
    expect(standing()).toBe('keyCompromise');
    expect(takeOver('keyCompromise')).toBe(0);
  });

  it('that has it on hold counts only where the ledger was never told anything', () => {
    expect(takeOver('certificateHold')).toBe(1);
    expect(standing()).toBe('certificateHold');
    endHold(ledger, id, later, 17);
    expect(takeOver('certificateHold')).toBe(0);
    expect(standing()).toBeUndefined();
  });

  it('changes nothing of what is revoked for good', () => {
    final();
    expect(takeOver('keyCompromise')).toBe(0);
    expect(standing()).toBe('superseded');
  });
});

describe('of a certificate that an earlier key of the CA signed, a CRL of the present key', () => {
  const old = { ...id, issuerKey: 'bb' };

  it.each(['keyCompromise', 'certificateHold'] as const)('that lists it tells the ledger nothing new: %s', (reason) => {
    issue(old, signed);
    revoke(ledger, old, { at: earlier, reason }, 17);
    expect([takeOver(reason), listTold(ledger, id.issuerKey)]).toEqual([0, []]);
    if (reason === 'keyCompromise') return;
    endHold(ledger, old, later, 17);
    expect([takeOver(reason), listTold(ledger, id.issuerKey), findRevocation(ledger, old)]).toEqual([0, [], undefined]);
  });

  it('counts for that certificate where the ledger is the older of the two', () => {
    issue(old, signed);
    expect([takeOver('keyCompromise'), findRevocation(ledger, old)?.reason]).toEqual([1, 'keyCompromise']);
    expect([takeOver('keyCompromise'), listTold(ledger, id.issuerKey)]).toEqual([0, []]);
  });

  it('says nothing of one with that number by another CA', () => {
    issue(old, stranger);
    expect([takeOver('keyCompromise'), findRevocation(ledger, old), standing()]).toEqual([1, undefined, 'keyCompromise']);
  });
});
