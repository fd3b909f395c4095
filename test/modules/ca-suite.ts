import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hsmonger } from '../cli/site.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { lintCertificate } from '../rig/lint/lint.js';
import type { MakeRig, ModuleRig } from '../rig/modules/rig.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { openssl } from '../x509/openssl.js';

/** A small CA from its first key to a server's certificate by the built commands, on any module; openssl and the linter judge. */
export function caSuite(make: MakeRig): void {
  let directory: PrivateDirectory;
  let rig: ModuleRig;
  const at = (name: string) => path.join(directory.path, name);
  const said = async (...argv: string[]) => {
    const { exitCode, out, err } = await hsmonger(...argv, '--config-dir', at('etc'), '--state-dir', at('state'));
    expect(exitCode, `${argv.join(' ')}: ${err}`).toBe(0);
    return out;
  };
  const token = () => ['--module', rig.token.module, '--token', rig.label, '--pin-file', rig.pinFile, ...Object.entries(rig.token.environment).flatMap(([name, value]) => ['--module-env', `${name}=${value}`])];
  const certificate = (name: string) => readFileSync(at(name), 'utf8');

  beforeAll(async () => {
    directory = privateDirectory('hsmonger-ca');
    mkdirSync(at('etc'), { mode: 0o755 });
    rig = await make({ directory: directory.path, owner: ensureServiceUser() });
  });

  afterAll(async () => {
    await rig.stop();
    directory.remove();
  });

  it('makes a key that the token shows', async () => {
    await said('token', 'keygen', '--type', 'P-256', '--label', 'tried', ...token());
    const keys = JSON.parse(await said('token', 'keys', '--json', ...token())) as { kind: string; label: string; type: string; sensitive: boolean; extractable: boolean }[];
    expect(keys.filter(({ kind }) => kind !== 'public')).toEqual([expect.objectContaining({ label: 'tried', type: 'EC', sensitive: true, extractable: false })]);
  });

  it('makes a root, an intermediate and a server certificate that every judge accepts', async () => {
    await said('ca', 'init-root', '--instance', 'root', ...token(), '--subject', 'CN=Root,O=Modules', '--key-type', 'P-256');
    await said('ca', 'init-intermediate', '--instance', 'intermediate', '--issuer', 'root', '--subject', 'CN=Intermediate,O=Modules', '--key-type', 'P-256');
    openssl(['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('server.key'), '-subj', '/O=Modules/CN=server.example.com', '-out', at('server.csr')]);
    await said('ca', 'issue', '--instance', 'intermediate', '--profile', 'server', '--in', at('server.csr'), '--out', at('server.crt'), '--san', 'dns:server.example.com');
    await said('ca', 'chain', '--instance', 'root', '--out', at('root.pem'));
    await said('ca', 'chain', '--instance', 'intermediate', '--out', at('chain.pem'));
    const verified = openssl(['verify', '-x509_strict', '-CAfile', at('root.pem'), '-untrusted', at('chain.pem'), at('server.crt')]).toString();
    expect(verified).toMatch(/server\.crt: OK$/mu);
    const [intermediate = ''] = certificate('chain.pem').match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gsu) ?? [];
    expect(await lintCertificate(certificate('root.pem'))).toEqual([]);
    expect(await lintCertificate(intermediate, certificate('root.pem'))).toEqual([]);
    expect(await lintCertificate(certificate('server.crt'), intermediate)).toEqual([]);
  });
}
