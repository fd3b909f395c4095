import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A CA that is not ours, run with openssl alone: a root, and an intermediate below it that signs. Files in `directory`. */
export interface OutsideAuthority {
  /** PEM files. */
  readonly root: string;
  readonly intermediate: string;
  /** Signs a PEM request; gives the PEM certificate's file. */
  sign(csr: string, options?: SignOptions): string;
}

export interface SignOptions {
  /** Default 3650. */
  readonly days?: number;
  /** openssl's extension lines, instead of what the request asks for. */
  readonly extensions?: readonly string[];
  readonly digest?: string;
  /** RFC 2253-like, as -subj takes it, instead of the request's. */
  readonly subject?: string;
  /** Sign with the root itself. */
  readonly byRoot?: boolean;
}

export function createOutsideAuthority(directory: string): OutsideAuthority {
  mkdirSync(directory, { recursive: true });
  const at = (name: string) => path.join(directory, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    at('root.key'),
    '-out',
    at('root.pem'),
    '-subj',
    '/O=Outside/CN=Root',
    '-days',
    '7300',
  );
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    at('intermediate.key'),
    '-out',
    at('intermediate.csr'),
    '-subj',
    '/O=Outside/CN=Intermediate',
  );
  let made = 0;
  const issue = (csr: string, { days = 3650, extensions, digest = 'sha256', subject, byRoot = false }: SignOptions): string => {
    const out = at(`issued-${String(++made)}.pem`);
    const by = byRoot ? 'root' : 'intermediate';
    const how = extensions === undefined ? ['-copy_extensions', 'copy'] : ['-extfile', extensionFile(`${out}.ext`, extensions)];
    openssl(
      'x509',
      '-req',
      '-in',
      csr,
      '-CA',
      at(`${by}.pem`),
      '-CAkey',
      at(`${by}.key`),
      '-days',
      String(days),
      `-${digest}`,
      '-set_serial',
      String(1000 + made),
      '-out',
      out,
      ...how,
      ...(subject === undefined ? [] : ['-subj', subject]),
    );
    return out;
  };
  const intermediate = issue(at('intermediate.csr'), {
    byRoot: true,
    extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign', 'subjectKeyIdentifier=hash'],
  });
  writeFileSync(at('intermediate.pem'), readFileSync(intermediate));
  return { root: at('root.pem'), intermediate: at('intermediate.pem'), sign: (csr, options = {}) => issue(csr, options) };
}

function extensionFile(file: string, lines: readonly string[]): string {
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}
