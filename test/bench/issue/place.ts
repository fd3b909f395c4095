import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Account } from '../../../src/platform/service-user.js';
import { csrToPem } from '../../../src/x509/pem.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { makeRequests } from '../../x509/many-requests.js';
import { program } from '../program.js';

/** What a CA of the benchmark signs with, and how many certificates in a run. */
export interface CaKey {
  readonly name: 'RSA-2048' | 'RSA-4096' | 'P-256';
  /** CKA_LABEL, and the name of the CA's own certificate's file. */
  readonly label: string;
  /** CKA_ID, hexadecimal. */
  readonly id: string;
  /** As pkcs11-tool names the type. */
  readonly type: string;
  /** What the module is given: SoftHSM hashes for RSA and not for ECDSA, and the certificates here have some 700 octets to sign. */
  readonly raw: { readonly mechanism: string; readonly octets: number };
  readonly count: number;
}

export const caKeys: readonly CaKey[] = [
  { name: 'RSA-2048', label: 'rsa2048', id: '2048', type: 'rsa:2048', raw: { mechanism: '40', octets: 700 }, count: 1000 },
  { name: 'RSA-4096', label: 'rsa4096', id: '4096', type: 'rsa:4096', raw: { mechanism: '40', octets: 700 }, count: 1000 },
  { name: 'P-256', label: 'p256', id: '0256', type: 'EC:prime256v1', raw: { mechanism: '1041', octets: 32 }, count: 1000 },
];

/** A token with the CAs' keys, openssl's configuration and the requests: everything made before anything is measured. */
export interface IssuePlace {
  readonly directory: string;
  readonly user: Account;
  readonly token: SoftToken;
  /** The PIN without a line's end: the engine takes that for a part of it. */
  readonly barePin: string;
  readonly signLoop: string;
  /** As many as any CA here signs in a round, every one with a subject and a P-256 key of its own; all alike for every peer. */
  readonly requests: readonly BenchRequest[];
  /** For programs that use the token. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface BenchRequest {
  readonly name: string;
  readonly csr: Uint8Array;
  /** The same in PEM. */
  readonly file: string;
}

const configuration = (directory: string, module: string) => `
openssl_conf = init
[init]
engines = engines
[engines]
pkcs11 = p11
[p11]
engine_id = pkcs11
MODULE_PATH = ${module}
init = 0
[req]
distinguished_name = dn
[dn]
[own]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[ca]
default_ca = d
[d]
database = ${directory}/index.txt
serial = ${directory}/serial
new_certs_dir = ${directory}/certs
default_md = sha256
default_days = 375
policy = p
unique_subject = no
x509_extensions = server
[p]
commonName = supplied
organizationName = optional
[server]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

export async function makeIssuePlace(parent: string, user: Account): Promise<IssuePlace> {
  const directory = path.join(parent, 'issue');
  for (const made of [directory, path.join(directory, 'certs'), path.join(directory, 'requests')]) {
    mkdirSync(made);
    chownSync(made, user.uid, user.gid);
  }
  const token = await createSoftToken({ directory, label: 'pki', owner: user });
  const barePin = path.join(directory, 'bare.pin');
  writeFileSync(barePin, token.pin, { mode: 0o600 });
  chownSync(barePin, user.uid, user.gid);
  const environment = { ...token.environment, OPENSSL_CONF: path.join(directory, 'openssl.cnf') };
  writeFileSync(environment.OPENSSL_CONF, configuration(directory, token.module));
  const as = { as: user, env: environment };
  for (const { type, id, label } of caKeys) {
    program(
      'pkcs11-tool',
      [
        '--module',
        token.module,
        '--token-label',
        token.label,
        '--login',
        '--pin',
        token.pin,
        '--keypairgen',
        '--key-type',
        type,
        '--id',
        id,
        '--label',
        label,
        '--usage-sign',
      ],
      as,
    );
  }
  const signLoop = path.join(directory, 'sign-loop');
  execFileSync('cc', ['-O2', '-pthread', '-o', signLoop, path.join(import.meta.dirname, 'sign-loop.c'), '-ldl']);
  const place: IssuePlace = {
    directory,
    barePin,
    user,
    token,
    signLoop,
    environment,
    requests: requestFiles(directory, Math.max(...caKeys.map(({ count }) => count))),
  };
  for (const key of caKeys) makeCertificate(place, key);
  return place;
}

/** The CA's own certificate, as a file for openssl and on the token for us. */
function makeCertificate(place: IssuePlace, key: CaKey): void {
  const { token, user, environment } = place;
  const as = { as: user, env: environment };
  program(
    'openssl',
    [
      'req',
      '-new',
      '-x509',
      '-engine',
      'pkcs11',
      '-keyform',
      'engine',
      '-key',
      keyUri(place, key),
      '-subj',
      `/O=Benchmark/CN=${key.name}`,
      '-days',
      '3650',
      '-extensions',
      'own',
      '-out',
      certificateFile(place, key),
    ],
    as,
  );
  program(
    'pkcs11-tool',
    [
      '--module',
      token.module,
      '--token-label',
      token.label,
      '--login',
      '--pin',
      token.pin,
      '--write-object',
      certificateFile(place, key),
      '--type',
      'cert',
      '--id',
      key.id,
      '--label',
      key.label,
    ],
    as,
  );
}

function requestFiles(directory: string, count: number): BenchRequest[] {
  return makeRequests(count).map(({ name: number, csr }) => {
    const name = `server${number}.csr`;
    const file = path.join(directory, 'requests', name);
    writeFileSync(file, csrToPem(csr), { mode: 0o644 });
    return { name, csr, file };
  });
}

/** The engine reads the PIN from the file itself. */
export function keyUri({ token, barePin }: IssuePlace, { label }: CaKey): string {
  return `pkcs11:token=${token.label};object=${label};type=private?pin-source=file:${barePin}`;
}

export function certificateFile({ directory }: IssuePlace, { label }: CaKey): string {
  return path.join(directory, `${label}.pem`);
}
