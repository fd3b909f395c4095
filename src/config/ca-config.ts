import type { CaConfig, Instance } from './instance.js';

const defaults: CaConfig = {
  policy: {},
  crlUrls: [],
  ocspUrls: [],
  issuerUrls: [],
  policies: [],
  crlDays: 30,
  authorityKeyId: 'key',
  netscapeCertType: false,
};

/** What the instance's CA asks of requests and writes into certificates, where the file has no [ca] too. */
export function caConfig({ ca }: Pick<Instance, 'ca'>): CaConfig {
  return ca ?? defaults;
}
