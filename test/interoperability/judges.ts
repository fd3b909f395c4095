import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../src/platform/run.js';
import { handshake } from './handshake.js';

/** What a judge is shown, in a directory as authority.ts makes it. */
export const subjects = ['certificate', 'CRL', 'OCSP answer'] as const;
type Subject = (typeof subjects)[number];

export interface Judge {
  readonly name: string;
  /**
   * Whether the judge accepts it; undefined where it has no way to look at one. A CRL and an OCSP answer are accepted where by them one
   * certificate is good and another revoked: a judge that does not look finds both good.
   */
  accepts(directory: string, subject: Subject): Promise<boolean | undefined>;
}

/** The judges, each by the tools its users have. */
export const judges: readonly Judge[] = [
  { name: 'OpenSSL', accepts: byOpenssl },
  { name: 'GnuTLS', accepts: byGnutls },
  { name: 'NSS', accepts: byNss },
  { name: 'Node', accepts: byNode },
];

/**
 * What each judge makes of a directory's files, as the cells of the page. NSS asks the responder the certificates name, which is to be
 * there.
 */
export async function verdicts(directory: string): Promise<Record<string, readonly string[]>> {
  const rows: [string, string[]][] = [];
  for (const subject of subjects) {
    const cells: string[] = [];
    for (const judge of judges) cells.push(cellOf(await judge.accepts(directory, subject)));
    rows.push([subject, cells]);
  }
  return Object.fromEntries(rows);
}

function cellOf(accepted: boolean | undefined): string {
  if (accepted === undefined) return '–';
  return accepted ? 'yes' : 'no';
}

async function says(directory: string, words: RegExp, program: string, ...args: string[]): Promise<boolean> {
  const { stdout, stderr } = await run(program, args, { cwd: directory, okExitCodes: [0, 1, 2, 255] });
  return words.test(`${stdout}${stderr}`);
}

async function byOpenssl(directory: string, subject: Subject): Promise<boolean> {
  const verify = (words: RegExp, certificate: string, ...more: string[]) =>
    says(directory, words, 'openssl', 'verify', '-x509_strict', ...more, '-CAfile', 'root.pem', certificate);
  const crl = ['-crl_check', '-CRLfile', 'crl.pem'];
  switch (subject) {
    case 'certificate':
      return verify(/^leaf\.pem: OK$/mu, 'leaf.pem');
    case 'CRL':
      return (await verify(/^leaf\.pem: OK$/mu, 'leaf.pem', ...crl)) && (await verify(/: certificate revoked$/mu, 'revoked.pem', ...crl));
    case 'OCSP answer':
      return says(
        directory,
        /^Response verify OK$[^]*^leaf\.pem: good$|^leaf\.pem: good$[^]*^Response verify OK$/mu,
        'openssl',
        'ocsp',
        '-respin',
        'response.der',
        '-CAfile',
        'root.pem',
        '-issuer',
        'root.pem',
        '-cert',
        'leaf.pem',
      );
  }
}

async function byGnutls(directory: string, subject: Subject): Promise<boolean> {
  const verify = (words: RegExp, certificate: string, ...more: string[]) =>
    says(directory, words, 'certtool', '--verify', '--load-ca-certificate', 'root.pem', ...more, '--infile', certificate);
  const trusted = /Chain verification output: Verified\. The certificate is trusted\./u;
  const crl = ['--load-crl', 'crl.pem'];
  switch (subject) {
    case 'certificate':
      return verify(trusted, 'leaf.pem');
    case 'CRL':
      return (
        (await says(
          directory,
          /Verification output: Verified\. The certificate is trusted\./u,
          'certtool',
          '--verify-crl',
          '--load-ca-certificate',
          'root.pem',
          '--infile',
          'crl.pem',
        )) &&
        (await verify(trusted, 'leaf.pem', ...crl)) &&
        (await verify(/Chain verification output: Not verified\..*revoked/u, 'revoked.pem', ...crl))
      );
    case 'OCSP answer':
      return (
        (await says(
          directory,
          /^Verifying OCSP Response: Success\.$/mu,
          'ocsptool',
          '--verify-response',
          '--infile',
          'response.der',
          '--load-trust',
          'root.pem',
        )) && says(directory, /Certificate Status: good/u, 'ocsptool', '--response-info', '--infile', 'response.der')
      );
  }
}

async function byNss(directory: string, subject: Subject): Promise<boolean> {
  // NSS has no tool that judges an OCSP answer from a file.
  if (subject === 'OCSP answer')
    return (await nssAsks(directory, 'leaf.pem')) === 'good' && (await nssAsks(directory, 'revoked.pem')) === 'revoked';
  const database = databaseOf(directory, `nss-${subject}`);
  if (database === undefined) return false;
  const certutil = (...args: string[]) => spawnSync('certutil', [...args, '-d', database], { cwd: directory }).status === 0;
  for (const name of ['leaf', 'revoked']) if (!certutil('-A', '-n', name, '-t', ',,', '-i', `${name}.pem`)) return false;
  const valid = async (name: string, byCertutil: RegExp, byVfychain: RegExp) =>
    (await says(directory, byCertutil, 'certutil', '-V', '-n', name, '-u', 'V', '-d', database)) &&
    says(directory, byVfychain, 'vfychain', '-d', database, '-u', '1', '-p', '-a', `${name}.pem`);
  const good = () => valid('leaf', /^certutil: certificate is valid$/mu, /^Chain is good!$/mu);
  if (subject === 'certificate') return good();
  if (spawnSync('crlutil', ['-I', '-d', database, '-i', 'crl.der'], { cwd: directory }).status !== 0) return false;
  return (
    (await good()) &&
    valid('revoked', /certificate is invalid: Peer's Certificate has been revoked/u, /Peer's Certificate has been revoked|REVOKED/u)
  );
}

/** By a handshake between its own server and client: it gives a client an OCSP answer, and leaves it to that to look at it. */
async function byNode(directory: string, subject: Subject): Promise<boolean | undefined> {
  switch (subject) {
    case 'certificate':
      return (await handshake(directory, 'leaf')) === 'good';
    case 'CRL':
      return (
        (await handshake(directory, 'leaf', 'crl.pem')) === 'good' && (await handshake(directory, 'revoked', 'crl.pem')) === 'CERT_REVOKED'
      );
    case 'OCSP answer':
      return undefined;
  }
}

/**
 * NSS's own question to the responder a certificate names, by vfychain's PKIX library: 'good', 'revoked', or 'no' where it got no answer it
 * takes. root.pem is trusted.
 */
async function nssAsks(directory: string, certificate: string): Promise<'good' | 'revoked' | 'no'> {
  const database = databaseOf(directory, 'nss-asking');
  if (database === undefined) return 'no';
  const { stdout, stderr } = await run(
    'vfychain',
    [
      '-d',
      database,
      '-pp',
      '-u',
      '1',
      '-g',
      'leaf',
      '-h',
      'requireFreshInfo',
      '-m',
      'ocsp',
      '-s',
      'failIfNoInfo',
      '-a',
      path.join(directory, certificate),
    ],
    { okExitCodes: [0, 1, 255] },
  );
  const words = `${stdout}${stderr}`;
  if (/^Chain is good!$/mu.test(words)) return 'good';
  return /has been revoked|SEC_ERROR_REVOKED_CERTIFICATE/u.test(words) ? 'revoked' : 'no';
}

/** An NSS database that trusts root.pem; undefined where NSS does not take it: it refuses a root whose signature it does not know. */
function databaseOf(directory: string, name: string): string | undefined {
  const place = path.join(directory, name);
  const database = `sql:${place}`;
  if (!existsSync(place)) {
    mkdirSync(place);
    execFileSync('certutil', ['-N', '-d', database, '--empty-password']);
  }
  return spawnSync('certutil', ['-A', '-n', 'root', '-t', 'CT,C,C', '-i', path.join(directory, 'root.pem'), '-d', database]).status === 0
    ? database
    : undefined;
}
