import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

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
default_md = sha256
default_crl_days = 5
default_days = 5
policy = p
crl_extensions = crl
[p]
commonName = supplied
[crl]
authorityKeyIdentifier = keyid
[leaf]
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:server.example.com, IP:192.0.2.1
[responder]
keyUsage = critical, digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = NULL
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

/** A CA of openssl's with a leaf, a responder, a CRL and an OCSP answer: all as strict judges like them. Gives a file's DER by name. */
export function authorityFiles(directory: string): (name: string) => Buffer {
  const openssl = (...args: string[]) => void execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const write = (name: string, content: string) => {
    writeFileSync(path.join(directory, name), content);
  };
  write('openssl.cnf', configuration);
  write('index.txt', '');
  write('serial', '1000\n');
  write('crlnumber', '01\n');
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'root.key',
    '-out',
    'root.pem',
    '-subj',
    '/O=Test/CN=root',
    '-days',
    '50',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  );
  for (const name of ['leaf', 'responder', 'revoked']) {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
    );
    openssl(
      'ca',
      '-config',
      'openssl.cnf',
      '-batch',
      '-notext',
      '-extensions',
      name === 'responder' ? name : 'leaf',
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
    );
  }
  openssl('ca', '-config', 'openssl.cnf', '-revoke', 'revoked.pem', '-crl_reason', 'keyCompromise');
  openssl('ca', '-config', 'openssl.cnf', '-gencrl', '-out', 'crl.pem');
  for (const name of ['root', 'leaf', 'responder']) openssl('x509', '-in', `${name}.pem`, '-outform', 'DER', '-out', `${name}.der`);
  openssl('crl', '-in', 'crl.pem', '-outform', 'DER', '-out', 'crl.der');
  openssl('ocsp', '-issuer', 'root.pem', '-cert', 'leaf.pem', '-cert', 'revoked.pem', '-reqout', 'request.der');
  openssl(
    'ocsp',
    '-index',
    'index.txt',
    '-CA',
    'root.pem',
    '-rsigner',
    'responder.pem',
    '-rkey',
    'responder.key',
    '-reqin',
    'request.der',
    '-respout',
    'response.der',
    '-ndays',
    '3',
  );
  return (name) => readFileSync(path.join(directory, name));
}
