import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../src/platform/run.js';

/** What a judge is shown, in a directory made by authority.ts. */
type Subject = 'certificate' | 'CRL' | 'OCSP answer';

export interface Judge {
  readonly name: string;
  /** Whether the judge accepts it; undefined where it has no way to look at one. */
  accepts(directory: string, subject: Subject): boolean | undefined;
}

/** The judges, each by the tool its users have. */
export const judges: readonly Judge[] = [
  { name: 'OpenSSL', accepts: byOpenssl },
  { name: 'GnuTLS', accepts: byGnutls },
  { name: 'NSS', accepts: byNss },
  { name: 'Node', accepts: byNode },
];

const subjects: readonly Subject[] = ['certificate', 'CRL', 'OCSP answer'];

/** What each judge makes of a directory's files, as a cell of the page: `yes` for all it can look at, or what it refuses. */
export function verdicts(directory: string): string[] {
  return judges.map((judge) => {
    const given = subjects.map((subject) => ({ subject, accepted: judge.accepts(directory, subject) })).filter(({ accepted }) => accepted !== undefined);
    const refused = given.filter(({ accepted }) => accepted === false).map(({ subject }) => subject);
    if (refused.length === 0) return 'yes';
    return refused.length === given.length ? 'no' : `no ${refused.join(', no ')}`;
  });
}

function says(directory: string, words: RegExp, program: string, ...args: string[]): boolean {
  const { stdout, stderr, error } = spawnSync(program, args, { cwd: directory, env: { PATH: process.env['PATH'], LC_ALL: 'C' } });
  if (error !== undefined) throw error;
  return words.test(`${stdout.toString()}${stderr.toString()}`);
}

function byOpenssl(directory: string, subject: Subject): boolean {
  switch (subject) {
    case 'certificate':
      return says(directory, /^leaf\.pem: OK$/mu, 'openssl', 'verify', '-x509_strict', '-CAfile', 'root.pem', 'leaf.pem');
    case 'CRL':
      return says(directory, /^verify OK$/mu, 'openssl', 'crl', '-in', 'crl.pem', '-CAfile', 'root.pem', '-noout');
    case 'OCSP answer':
      return says(directory, /^Response verify OK$/mu, 'openssl', 'ocsp', '-respin', 'response.der', '-CAfile', 'root.pem', '-issuer', 'root.pem', '-cert', 'leaf.pem');
  }
}

function byGnutls(directory: string, subject: Subject): boolean {
  switch (subject) {
    case 'certificate':
      return says(directory, /Chain verification output: Verified\. The certificate is trusted\./u, 'certtool', '--verify', '--load-ca-certificate', 'root.pem', '--infile', 'leaf.pem');
    case 'CRL':
      return says(directory, /Verification output: Verified\. The certificate is trusted\./u, 'certtool', '--verify-crl', '--load-ca-certificate', 'root.pem', '--infile', 'crl.pem');
    case 'OCSP answer':
      return says(directory, /^Verifying OCSP Response: Success\.$/mu, 'ocsptool', '--verify-response', '--infile', 'response.der', '--load-trust', 'root.pem');
  }
}

/** No tool of NSS's looks at an OCSP answer that does not come from a server. */
function byNss(directory: string, subject: Subject): boolean | undefined {
  const database = path.join(directory, `nss-${subject.replace(' ', '-')}`);
  mkdirSync(database);
  const certutil = (...args: string[]) => spawnSync('certutil', [...args, '-d', `sql:${database}`], { cwd: directory }).status === 0;
  execFileSync('certutil', ['-N', '-d', `sql:${database}`, '--empty-password']);
  if (subject === 'OCSP answer') return undefined;
  if (!certutil('-A', '-n', 'root', '-t', 'CT,C,C', '-i', 'root.pem')) return false;
  if (subject === 'CRL') return says(directory, /^\s*root\s+CRL\s*$/mu, 'sh', '-c', `crlutil -I -d sql:'${database}' -i crl.der; crlutil -L -d sql:'${database}'`);
  return certutil('-A', '-n', 'leaf', '-t', ',,', '-i', 'leaf.pem') && says(directory, /^certutil: certificate is valid$/mu, 'certutil', '-V', '-n', 'leaf', '-u', 'V', '-d', `sql:${database}`) && says(directory, /^Chain is good!$/mu, 'vfychain', '-d', `sql:${database}`, '-u', '1', '-p', '-a', 'leaf.pem');
}

/** Node reads neither CRLs nor OCSP. */
function byNode(directory: string, subject: Subject): boolean | undefined {
  if (subject !== 'certificate') return undefined;
  const [leaf, root] = ['leaf.pem', 'root.pem'].map((file) => new X509Certificate(readFileSync(path.join(directory, file))));
  return leaf!.verify(createPublicKey(root!.publicKey.export({ type: 'spki', format: 'pem' })));
}

/**
 * NSS's own question to the responder a certificate names, by vfychain's PKIX library: 'good', 'revoked', or 'no' where it got no answer it takes.
 * root.pem is trusted.
 */
export async function nssAsks(directory: string, certificate: string): Promise<'good' | 'revoked' | 'no'> {
  const database = path.join(directory, 'nss-asking');
  if (!existsSync(database)) {
    mkdirSync(database);
    execFileSync('certutil', ['-N', '-d', `sql:${database}`, '--empty-password']);
  }
  // It does not even take a root whose signature it does not know.
  if (spawnSync('certutil', ['-A', '-n', 'root', '-t', 'CT,C,C', '-i', path.join(directory, 'root.pem'), '-d', `sql:${database}`]).status !== 0) return 'no';
  const { stdout, stderr } = await run('vfychain', ['-d', `sql:${database}`, '-pp', '-u', '1', '-g', 'leaf', '-h', 'requireFreshInfo', '-m', 'ocsp', '-s', 'failIfNoInfo', '-a', path.join(directory, certificate)], { okExitCodes: [0, 1, 255] });
  const words = `${stdout}${stderr}`;
  if (/^Chain is good!$/mu.test(words)) return 'good';
  return /has been revoked|SEC_ERROR_REVOKED_CERTIFICATE/u.test(words) ? 'revoked' : 'no';
}
