import * as v from 'valibot';
import type { IssuerConfig } from '../instance.js';
import { absolute, count, days, hostName, profile, text, wrong } from './values.js';

function isHttpsOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).protocol === 'https:' && new URL(value).origin === value.replace(/\/$/u, '');
}

/** [issuer]: a table for each kind. */
export const issuerTable = v.variant('type', [
  v.strictObject({
    type: v.literal('token'),
    certificate: text,
    owner: v.optional(hostName),
    'lifetime-days': v.optional(v.record(profile, days), {}),
    'backdate-seconds': v.optional(v.pipe(count, v.maxValue(604_800, 'must be at most a week')), 60),
    digest: v.optional(v.picklist(['sha256', 'sha384', 'sha512'])),
    'rsa-signature': v.optional(v.picklist(['pkcs1', 'pss'])),
  }),
  v.strictObject({
    type: v.literal('dogtag'),
    certificate: text,
    url: v.pipe(text, v.check(isHttpsOrigin, 'must be https://HOST or https://HOST:PORT, without a path')),
    'ca-file': absolute,
    'agent-certificate': v.optional(absolute),
    'agent-key': v.optional(absolute),
  }),
  v.strictObject({ type: v.literal('directory'), certificate: text }),
  v.strictObject({ type: v.literal('external'), certificate: text }),
]);

export function issuerOf(file: string, issuer: v.InferOutput<typeof issuerTable>): IssuerConfig {
  switch (issuer.type) {
    case 'token':
      return {
        type: 'token',
        certificate: issuer.certificate,
        lifetimeDays: issuer['lifetime-days'],
        backdateSeconds: issuer['backdate-seconds'],
        ...(issuer.owner === undefined ? {} : { owner: issuer.owner }),
        ...(issuer.digest === undefined ? {} : { digest: issuer.digest }),
        ...(issuer['rsa-signature'] === undefined ? {} : { rsaSignature: issuer['rsa-signature'] }),
      };
    case 'dogtag': {
      const [certificate, key] = [issuer['agent-certificate'], issuer['agent-key']];
      if ((certificate === undefined) !== (key === undefined))
        throw wrong(file, 'issuer', 'must name agent-certificate and agent-key together, or neither');
      return {
        type: 'dogtag',
        certificate: issuer.certificate,
        url: new URL(issuer.url).origin,
        caFile: issuer['ca-file'],
        ...(certificate === undefined || key === undefined ? {} : { agent: { certificate, key } }),
      };
    }
    case 'directory':
    case 'external':
      return { type: issuer.type, certificate: issuer.certificate };
  }
}
