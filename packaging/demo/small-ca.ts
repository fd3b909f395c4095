import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../src/platform/run.js';
import type { SoftToken } from '../../test/rig/soft-token.js';

export interface SmallCaGiven {
  readonly directory: string;
  /** The new token gets a slot beside it. */
  readonly token: SoftToken;
  readonly say: (text?: string) => void;
  /** Runs the command for all to see; gives its exit code. */
  readonly cli: (...args: string[]) => Promise<number | undefined>;
}

/**
 * A CA from a blank token: root, intermediate, a server's certificate, its revocation, with openssl as the judge; what was seen of it, as
 * facts.
 */
export async function showSmallCa({ directory, token, say, cli }: SmallCaGiven): Promise<[string, boolean][]> {
  const home = path.join(directory, 'small-ca');
  mkdirSync(home);
  const at = (name: string) => path.join(home, name);
  const secret = (name: string, pin: string) => {
    writeFileSync(at(name), `${pin}\n`, { mode: 0o600 });
    chownSync(at(name), token.owner?.uid ?? 0, token.owner?.gid ?? 0);
    return at(name);
  };
  const openssl = async (...args: string[]) => {
    say(`\n$ openssl ${args.map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' ')}`);
    const { stdout, stderr } = await run('openssl', args, { okExitCodes: [0, 1, 2] });
    return `${stdout}${stderr}`;
  };
  /** openssl's verdict, shown. */
  const verified = async (...args: string[]) => {
    const said = await openssl('verify', '-x509_strict', ...args);
    say(said.trim());
    return said;
  };
  const names = (cn: string) => `CN=${cn},O=My Company,C=US`;
  const [root, intermediate, csr, server, crl] = ['root.crt', 'intermediate.crt', 'www.csr', 'www.crt', 'intermediate.crl.pem'].map(at) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const module = ['--module', token.module, '--module-env', `SOFTHSM2_CONF=${token.confFile}`, '--user', token.owner?.name ?? 'root'];
  const pin = ['--pin-file', secret('pki.pin', 'demo-pin-1234')];

  const ended = [
    await cli('token', 'init', ...module, '--token', 'pki', '--so-pin-file', secret('so.pin', 'demo-so-pin-1234'), ...pin),
    await cli(
      'ca',
      'init-root',
      '--instance',
      'root',
      ...module,
      '--token',
      'pki',
      ...pin,
      '--subject',
      names('My Company Root CA'),
      '--key-type',
      'EC:secp384r1',
      '--digest',
      'sha512',
      '--days',
      '3650',
    ),
    await cli(
      'ca',
      'init-intermediate',
      '--instance',
      'intermediate',
      '--issuer',
      'root',
      '--subject',
      names('My Company Intermediate CA'),
      '--key-type',
      'EC:secp384r1',
      '--days',
      '1825',
    ),
  ];
  await openssl(
    'req',
    '-new',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    at('www.key'),
    '-subj',
    '/O=My Company/CN=www.example.test',
    '-out',
    csr,
  );
  ended.push(
    await cli('ca', 'issue', '--instance', 'intermediate', '--profile', 'server', '--in', csr, '--out', server, '--days', '375'),
    await cli('token', 'export-cert', '--instance', 'root', 'root', '--out', root),
    await cli('token', 'export-cert', '--instance', 'intermediate', 'intermediate', '--out', intermediate),
  );
  const good = await verified('-purpose', 'sslserver', '-CAfile', root, '-untrusted', intermediate, server);
  ended.push(
    await cli('ca', 'revoke', server, '--instance', 'intermediate', '--reason', 'keyCompromise'),
    await cli('ca', 'crl', '--instance', 'intermediate', '--out', crl),
    await cli('ca', 'list', '--instance', 'intermediate'),
  );
  const revoked = await verified('-crl_check', '-CAfile', root, '-untrusted', intermediate, '-CRLfile', crl, server);
  return [
    ['every command of the small CA ended with 0', ended.every((code) => code === 0)],
    ['openssl accepts the server under root and intermediate', good.includes(`${server}: OK`)],
    ['openssl refuses it once the CRL has it', revoked.includes('error 23 at 0 depth lookup: certificate revoked')],
  ];
}
