import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Algorithm } from './algorithms.js';

const configuration = `
[ca]
default_ca = d
[d]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
certificate = root.pem
private_key = root.key
default_md = default
default_days = 50
default_crl_days = 5
policy = p
crl_extensions = crl
x509_extensions = server
[p]
commonName = supplied
[crl]
authorityKeyIdentifier = keyid
[server]
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, OCSPSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:server.example.com
authorityInfoAccess = OCSP;URI:OCSP-URL
`;

/**
 * A root, two certificates below it of which one is revoked, a CRL, and an OCSP answer about both by the leaf, all signed this way, and
 * made by openssl: what a judge refuses here is the algorithm. Gives the directory: root.pem, leaf.pem, revoked.pem, the keys of both,
 * crl.pem, crl.der, response.der. `ocspUrl`: where the answer is to be had.
 */
export function makeAuthority(parent: string, { name, key, digest, pss }: Algorithm, ocspUrl: string): string {
  const directory = path.join(parent, name.replace(/\W/gu, '-'));
  mkdirSync(directory);
  const openssl = (...args: string[]) => void execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const write = (file: string, content: string) => {
    writeFileSync(path.join(directory, file), content);
  };
  const padding = pss === undefined ? [] : ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest'];
  const signs = (flag: '-' | '-md ') => [...(digest === undefined ? [] : `${flag}${digest}`.split(' ')), ...padding];
  // NSS wants key encipherment of a server with an RSA key, which no other kind may have (RFC 5480 §3).
  write(
    'openssl.cnf',
    configuration
      .replace('OCSP-URL', ocspUrl)
      .replace('digitalSignature', key.includes('RSA') ? 'digitalSignature, keyEncipherment' : 'digitalSignature'),
  );
  write('index.txt', '');
  write('serial', '1000\n');
  write('crlnumber', '01\n');
  for (const each of ['root', 'leaf', 'revoked']) openssl('genpkey', ...key, '-out', `${each}.key`);
  openssl(
    'req',
    '-x509',
    '-key',
    'root.key',
    ...signs('-'),
    '-out',
    'root.pem',
    '-subj',
    `/O=Test/CN=${name.replace('#', '')} root`,
    '-days',
    '50',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  );
  for (const each of ['leaf', 'revoked']) {
    openssl('req', '-new', '-key', `${each}.key`, '-out', `${each}.csr`, '-subj', `/CN=${each}`);
    openssl('ca', '-config', 'openssl.cnf', '-batch', '-notext', ...signs('-md '), '-in', `${each}.csr`, '-out', `${each}.pem`);
  }
  openssl('ca', '-config', 'openssl.cnf', '-revoke', 'revoked.pem', '-crl_reason', 'keyCompromise', ...signs('-md '));
  openssl('ca', '-config', 'openssl.cnf', '-gencrl', ...signs('-md '), '-out', 'crl.pem');
  openssl('crl', '-in', 'crl.pem', '-outform', 'DER', '-out', 'crl.der');
  openssl('ocsp', '-issuer', 'root.pem', '-cert', 'leaf.pem', '-cert', 'revoked.pem', '-no_nonce', '-reqout', 'request.der');
  const answer = [
    ...(digest === undefined ? [] : ['-rmd', digest]),
    ...(pss === undefined ? [] : ['-rsigopt', 'rsa_padding_mode:pss', '-rsigopt', 'rsa_pss_saltlen:digest']),
  ];
  openssl(
    'ocsp',
    '-index',
    'index.txt',
    '-CA',
    'root.pem',
    '-rsigner',
    'leaf.pem',
    '-rkey',
    'leaf.key',
    ...answer,
    '-reqin',
    'request.der',
    '-respout',
    'response.der',
    '-ndays',
    '3',
  );
  return directory;
}
