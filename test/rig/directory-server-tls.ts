import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';

/** A CA of the rig's own for the LDAP servers' TLS; by openssl. */
export interface TlsAuthority {
  /** PEM. */
  readonly caFile: string;
  /** A key and certificate for these names and addresses; PKCS#12 with the password 'x'. */
  identity(name: string, dns: readonly string[], addresses: readonly string[]): Promise<string>;
}

export async function createTlsAuthority(directory: string): Promise<TlsAuthority> {
  const home = path.join(directory, 'tls');
  mkdirSync(home, { mode: 0o711 });
  const at = (file: string) => path.join(home, file);
  const openssl = (...args: string[]) => execa('openssl', args, { timeout: 60_000 });
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-days',
    '3650',
    '-subj',
    '/CN=TLS of the rig',
    '-addext',
    'basicConstraints=critical,CA:true',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  );
  chmodSync(at('ca.pem'), 0o644);
  return {
    caFile: at('ca.pem'),
    identity: async (name, dns, addresses) => {
      const [key, csr, pem, p12, extensions] = ['key', 'csr', 'pem', 'p12', 'ext'].map((suffix) => at(`${name}.${suffix}`)) as [
        string,
        string,
        string,
        string,
        string,
      ];
      writeFileSync(
        extensions,
        `subjectAltName=${[...dns.map((one) => `DNS:${one}`), ...addresses.map((one) => `IP:${one}`)].join(',')}\nextendedKeyUsage=serverAuth\n`,
      );
      await openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', csr, '-subj', `/CN=${dns[0] ?? name}`);
      await openssl(
        'x509',
        '-req',
        '-in',
        csr,
        '-CA',
        at('ca.pem'),
        '-CAkey',
        at('ca.key'),
        '-CAcreateserial',
        '-days',
        '730',
        '-extfile',
        extensions,
        '-out',
        pem,
      );
      await openssl('pkcs12', '-export', '-in', pem, '-inkey', key, '-name', 'Server-Cert', '-passout', 'pass:x', '-out', p12);
      return p12;
    },
  };
}
