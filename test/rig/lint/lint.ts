import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../../src/platform/run.js';
import { pem } from '../../x509/material.js';
import { privateDirectory } from '../directory.js';

/**
 * What strict judges that are not ours have against a certificate, CRL or OCSP response: pyasn1's schemas and the rules of RFC 5280 and
 * 6960 in lint.py, python-cryptography, openssl -x509_strict (with the issuer's certificate), GnuTLS. A sentence each; none is the verdict
 * "clean".
 */
export async function lintCertificate(certificate: Uint8Array | string, issuer?: Uint8Array | string): Promise<string[]> {
  const der = derOf(certificate);
  return [
    ...(await lintByRules('certificate', der)),
    ...(issuer === undefined ? [] : await strictly(der, derOf(issuer))),
    ...(await withFile(der, (file) => complaints('certtool', ['--certificate-info', '--inder', '--infile', file]))),
  ];
}

/** openssl looks at neither of the two strictly unless there are two (x509_vfy.c, check_extensions). */
function strictly(der: Uint8Array, issuer: Uint8Array): Promise<string[]> {
  return withFile(pem(der), (file) =>
    withFile(pem(issuer), (anchor) =>
      complaints('openssl', ['verify', '-x509_strict', '-partial_chain', '-no_check_time', '-CAfile', anchor, file]),
    ),
  );
}

/** The same for a CRL. */
export async function lintCrl(crl: Uint8Array | string): Promise<string[]> {
  const der = derOf(crl);
  return withFile(der, async (file) => [
    ...(await lintByRules('crl', der)),
    ...(await complaints('openssl', ['crl', '-inform', 'DER', '-noout', '-text', '-in', file])),
    ...(await complaints('certtool', ['--crl-info', '--inder', '--infile', file])),
  ]);
}

/** The same for an OCSP response, the certificates in it included. */
export async function lintOcsp(response: Uint8Array): Promise<string[]> {
  return withFile(response, async (file) => [
    ...(await lintByRules('ocsp', response)),
    ...(await complaints('openssl', ['ocsp', '-respin', file, '-noverify', '-resp_text'])),
    ...(await complaints('ocsptool', ['--response-info', '--infile', file])),
  ]);
}

/** lint.py alone, with python-cryptography. */
export async function lintByRules(kind: LintKind, der: Uint8Array): Promise<string[]> {
  return (await python([kind], der)) as string[];
}

export type LintKind = 'certificate' | 'crl' | 'ocsp';

/** A finding, and the lines of lint.py and its like that led to it, 'file:line'; none for python-cryptography's. */
export interface Found {
  readonly finding: string;
  readonly sites: readonly string[];
}

/** lintByRules() of many at once. */
export async function lintMany(all: readonly { readonly kind: LintKind; readonly der: Uint8Array }[]): Promise<Found[][]> {
  return (await python(
    ['batch'],
    Buffer.from(JSON.stringify(all.map(({ kind, der }) => ({ kind, hex: Buffer.from(der).toString('hex') })))),
  )) as Found[][];
}

/** All lines that may lead to a finding, with what stands there. */
export async function lintSites(): Promise<Record<string, string>> {
  return (await python(['sites'])) as Record<string, string>;
}

/** The system's: the packages are Debian's. */
async function python(args: readonly string[], input: Uint8Array = new Uint8Array()): Promise<unknown> {
  const { stdout } = await run('/usr/bin/python3', ['-B', path.join(import.meta.dirname, 'lint.py'), ...args], { input });
  return JSON.parse(stdout);
}

async function complaints(program: string, args: readonly string[]): Promise<string[]> {
  const { exitCode, stdout, stderr } = await run(program, args, { okExitCodes: [0, 1, 2] });
  return exitCode === 0 ? [] : [`${program}: ${(stderr.trim() === '' ? stdout : stderr).trim().split('\n').slice(-2).join(' ')}`];
}

function derOf(text: Uint8Array | string): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text.replace(/-----[^-]+-----|\s/gu, ''), 'base64') : text;
}

async function withFile(content: Uint8Array | string, work: (file: string) => Promise<string[]>): Promise<string[]> {
  const directory = privateDirectory('lint-');
  try {
    const file = path.join(directory.path, 'file');
    writeFileSync(file, content);
    return await work(file);
  } finally {
    directory.remove();
  }
}
