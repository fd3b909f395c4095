import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseInstance } from '../../../src/config/schema.js';
import { caConfig } from '../../../src/config/ca-config.js';
import type { Instance } from '../../../src/config/instance.js';
import type { SignatureAlgorithm } from '../../../src/config/signature-algorithm.js';
import { tokenOf } from '../../../src/config/token-of.js';
import { profiles } from '../../../src/issuer/profiles.js';
import { authorityKey, findAuthority } from '../../../src/issuer/token/authority.js';
import { clerkHere, deskFor } from '../../../src/issuer/token/issuance/clerk.js';
import { issueMany, type IssueParts } from '../../../src/issuer/token/issuance/issue-many.js';
import type { IssueOrder } from '../../../src/issuer/token/issuance/order.js';
import { issuingCa } from '../../../src/issuer/token/issuance/prepared.js';
import type { IssueResult, NamedRequest } from '../../../src/issuer/token/issuance/results.js';
import { openLedger } from '../../../src/ledger/ledger.js';
import { openPinGuard } from '../../../src/ledger/pins.js';
import { openToken } from '../../../src/pkcs11/open-token.js';
import { csrFromPem } from '../../../src/x509/pem.js';
import { createAuthority, dogtagCertificates, type CertificateSpec } from '../../rig/authority.js';
import { privateDirectory } from '../../rig/directory.js';
import { createSoftToken, type SoftToken } from '../../rig/soft-token.js';
import { tokenIssuerOf } from '../token-issuer-of.js';

export const caName = 'caSigningCert cert-pki-ca';

/** A CA on a SoftHSM token, and what it takes to issue from it. */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- its own type says what it has
export async function createIssuingSite(ca: Readonly<Record<string, unknown>> = {}, spec: Partial<CertificateSpec> = {}, bits = 2048) {
  const directory = privateDirectory('issuing');
  const token = await createSoftToken({ directory: directory.path });
  const authority = await createAuthority(token, {
    only: { [caName]: { bits, daysLeft: 3000, ...spec } },
    certificates: dogtagCertificates.slice(0, 1),
  });
  const instance = instanceFor(token, ca);
  /** A session of its own for one signature. */
  const signer = async (algorithm: SignatureAlgorithm, data: Uint8Array): Promise<Uint8Array> => {
    const pins = openPinGuard(path.join(directory.path, 'pins.sqlite'));
    const open = await openToken(tokenOf(instance), { pins });
    try {
      const found = await findAuthority(open, caName, new Date());
      return await open.sign(await authorityKey(open, found), algorithm, data);
    } finally {
      await open.close();
      pins.close();
    }
  };
  return { signer, directory, token, authority, instance, ledgerFile: path.join(directory.path, 'ledger.sqlite') };
}

export type IssuingSite = Awaited<ReturnType<typeof createIssuingSite>>;

function instanceFor(token: SoftToken, ca: Readonly<Record<string, unknown>>): Instance {
  return parseInstance('test', '/etc/hsmonger/test.toml', {
    token: { label: token.label, module: token.module, 'pin-file': token.pinFile, environment: token.environment },
    nss: { database: '/n' },
    issuer: { type: 'token', certificate: caName },
    ca,
    certificate: [],
  });
}

export async function issue(
  site: IssuingSite,
  requests: readonly NamedRequest[],
  { order = { profile: profiles.caServerCert }, ...overrides }: Partial<IssueParts> & { readonly order?: IssueOrder } = {},
): Promise<IssueResult[]> {
  const ledger = openLedger(site.ledgerFile);
  const pins = openPinGuard(path.join(site.directory.path, 'pins.sqlite'));
  const token = await openToken(tokenOf(site.instance), { pins });
  try {
    const config = tokenIssuerOf(site.instance);
    const authority = await findAuthority(token, config.certificate, new Date());
    const key = await authorityKey(token, authority);
    const desk = deskFor(issuingCa(authority, config, caConfig(site.instance)), order, new Date());
    return await issueMany(
      {
        desk,
        clerks: clerkHere(desk),
        ledger,
        clock: () => new Date(),
        uid: 0,
        sign: (algorithm, data) => token.sign(key, algorithm, data),
        sessions: 1,
        busyMs: 5000,
        progress: () => undefined,
        signal: new AbortController().signal,
        ...overrides,
      },
      requests,
    );
  } finally {
    await token.close();
    pins.close();
    ledger.close();
  }
}

/** openssl's request for `subject`, with `names` as its subject alternative names. */
export function request(
  directory: string,
  name: string,
  subject: string,
  names?: string,
  key: readonly string[] = ['rsa:2048'],
): NamedRequest {
  const file = path.join(directory, `${name}.csr`);
  execFileSync(
    'openssl',
    [
      'req',
      '-new',
      '-newkey',
      ...key,
      '-nodes',
      '-keyout',
      path.join(directory, `${name}.key`),
      '-subj',
      subject,
      ...(names === undefined ? [] : ['-addext', `subjectAltName=${names}`]),
      '-out',
      file,
    ],
    { stdio: 'pipe' },
  );
  return { name, csr: csrFromPem(readFileSync(file, 'latin1')) };
}
