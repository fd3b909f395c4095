import * as v from 'valibot';
import { dottedForm } from '../dotted-form.js';
import type { CaConfig } from '../instance.js';
import { count, text } from './values.js';

function isWebAddress(value: string): boolean {
  return URL.canParse(value) && ['http:', 'https:', 'ldap:', 'ldaps:'].includes(new URL(value).protocol) && /^[\x21-\x7e]+$/u.test(value);
}

const addresses = v.optional(v.array(v.pipe(text, v.check(isWebAddress, 'must be an http:, https:, ldap: or ldaps: address'))), []);

const policies = v.pipe(
  v.array(v.pipe(text, v.regex(dottedForm, 'must be an object identifier, such as "1.3.6.1.4.1.99999.1"'))),
  v.check((oids) => new Set(oids).size === oids.length, 'must name each policy once (RFC 5280 §4.2.1.4)'),
);

/** [ca]: what a CA on the token asks of a request and writes into what it issues first; a renewal keeps what it renews has. */
export const caTable = v.strictObject({
  policy: v.optional(v.record(text, v.picklist(['match', 'optional', 'supplied'])), {}),
  'crl-urls': addresses,
  'ocsp-urls': addresses,
  'issuer-urls': addresses,
  policies: v.optional(policies, []),
  'crl-days': v.optional(v.pipe(count, v.minValue(1, 'must be at least 1'), v.maxValue(3650, 'must be at most 3650')), 30),
  'authority-key-id': v.optional(v.picklist(['key', 'key-and-issuer']), 'key'),
  'ns-cert-type': v.optional(v.boolean(), false),
  'ns-comment': v.optional(v.pipe(text, v.regex(/^[\x20-\x7e]{1,200}$/u, 'must be at most 200 ASCII characters'))),
});

export function caConfigOf(table: v.InferOutput<typeof caTable>): CaConfig {
  return {
    policy: table.policy,
    crlUrls: table['crl-urls'],
    ocspUrls: table['ocsp-urls'],
    issuerUrls: table['issuer-urls'],
    policies: table.policies,
    crlDays: table['crl-days'],
    authorityKeyId: table['authority-key-id'],
    netscapeCertType: table['ns-cert-type'],
    ...(table['ns-comment'] === undefined ? {} : { netscapeComment: table['ns-comment'] }),
  };
}
