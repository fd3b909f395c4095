import type { Instance } from '../../../src/config/instance.js';
import { parseInstance } from '../../../src/config/schema.js';

/** A CA on a token and one certificate of it. */
export const instanceOf = (name: string, nickname = 'ocsp'): Instance =>
  parseInstance(name, `/etc/hsmonger/${name}.toml`, {
    user: 'pkiuser',
    token: { label: 'T', module: '/m.so', 'pin-file': '/pin' },
    nss: { database: '/alias' },
    issuer: { type: 'token', certificate: 'ca' },
    certificate: [
      { nickname: 'ca', profile: 'caCACert' },
      { nickname, profile: 'caOCSPCert' },
    ],
  });
