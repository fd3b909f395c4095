import { expect, it } from 'vitest';
import type { IssuerConfig } from '../../src/config/instance.js';
import { assertOwner, ledgerOwner } from '../../src/config/ledger-owner.js';
import { HsmongerError } from '../../src/errors.js';

const issuer = (owner?: string): { issuer: IssuerConfig; file: string } => ({
  file: '/etc/hsmonger/ca.toml',
  issuer: { type: 'token', certificate: 'ca', lifetimeDays: {}, backdateSeconds: 60, ...(owner === undefined ? {} : { owner }) },
});

it('a host that nobody calls a clone stands alone', () => {
  expect(ledgerOwner(issuer(), 'ca1.example.test')).toEqual({ kind: 'alone' });
  expect(ledgerOwner({ issuer: { type: 'external', certificate: 'ca' } }, 'ca1.example.test')).toEqual({ kind: 'alone' });
});

it.each([
  ['ca1.example.test', 'this host'],
  ['CA1.Example.Test.', 'this host'],
  ['ca1', 'another host'],
  ['ca2.example.test', 'another host'],
])('the owner ca1.example.test seen from %s is %s', (host, kind) => {
  expect(ledgerOwner(issuer('ca1.example.test'), host).kind).toBe(kind);
});

it('only a clone is refused, by name and with what to do', () => {
  expect(() => {
    assertOwner(issuer(), 'revoke a certificate', 'ca2');
  }).not.toThrow();
  expect(() => {
    assertOwner(issuer('ca1'), 'revoke a certificate', 'ca1');
  }).not.toThrow();
  const refused = (): void => {
    assertOwner(issuer('ca1'), 'revoke a certificate', 'ca2');
  };
  expect(refused).toThrow(HsmongerError);
  expect(refused).toThrow(
    /^Refusing to revoke a certificate on 'ca2': by \/etc\/hsmonger\/ca\.toml 'ca1' has the CA's ledger and CRL, and this host .*issuer\.owner to "ca2"/u,
  );
});
