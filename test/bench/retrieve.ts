import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { installation } from '../../src/platform/installation.js';
import { run } from '../../src/platform/run.js';
import { createAuthority } from '../rig/authority.js';
import { startDirectoryServers } from '../rig/directory-server.js';
import { bareNode, program } from './program.js';
import { interleave } from './rounds.js';
import { compare, type Comparison } from './row.js';
import { caNickname, ocspNickname, type Site } from './site.js';

/**
 * A replica takes the certificate another server has published: our helper as certmonger runs it, with all its checks, the drop and the
 * ledger, against the bare search in Python with the libraries FreeIPA's helper uses. The same entry of one 389-ds.
 */
export async function benchRetrieve(site: Site, rounds: number, say: (line: string) => void): Promise<Comparison[]> {
  const { exitCode, stderr } = await run('python3', ['-c', 'import ldap, cryptography'], { okExitCodes: [0, 1] });
  if (exitCode !== 0) {
    say(
      `no row for python3 with ldap and cryptography: ${stderr.trim().split('\n').at(-1) ?? ''}; install python3-ldap and python3-cryptography`,
    );
    return [];
  }
  const ca = site.authority.certificate(caNickname);
  const old = site.authority.certificate(ocspNickname);
  const subject = [{ O: ['HSMONGER.TEST'] }, { CN: ['OCSP Subsystem'] }];
  const {
    certificates: [published],
  } = await createAuthority(site.token, {
    certificates: [
      { nickname: 'published', profile: 'caOCSPCert', subject, keyOf: ocspNickname, issuer: caNickname, store: false, daysLeft: 700 },
    ],
  });
  const servers = await startDirectoryServers({ ca: ca.der, certificates: [{ nickname: ocspNickname, der: published!.der }] });
  try {
    const { uri, base } = servers.servers[0]!.config();
    const host = 'ca2.example.test';
    const flags = instanceFor(
      site,
      `[directory]\nuri = "${uri}"\nbind = "external"\nbase = "${base}"\nhost = "${host}"\n\n[freeipa]\nsubject-base = "O=HSMONGER.TEST"\nlock-file = "${path.join(site.directory, 'renewal.lock')}"\ncsr-file = "${path.join(site.directory, 'ca.csr')}"\n`,
    );
    const env = {
      CERTMONGER_OPERATION: 'SUBMIT',
      CERTMONGER_CA_NICKNAME: 'replica',
      CERTMONGER_CA_PROFILE: 'caOCSPCert',
      CERTMONGER_CSR: old.csr,
      CERTMONGER_CERTIFICATE: old.pem,
    };
    const wanted = new X509Certificate(published!.der).fingerprint256;
    const check = (text: string) => {
      if (new X509Certificate(text).fingerprint256 !== wanted) throw new Error('Another certificate than the published one was taken.');
    };
    const helper = path.join(installation().executables, 'hsmonger-submit');
    const measured = await interleave(rounds, {
      ours: () => {
        check((JSON.parse(program(helper, flags, { env }).toString()) as { certificate: string }).certificate);
      },
      python: () => {
        check(program('python3', [path.join(import.meta.dirname, 'retrieve.py'), uri, base, host, ocspNickname], { env }).toString());
      },
      node: bareNode,
    });
    return [
      compare('retrieve from LDAP: python3 with ldap + cryptography / helper', { timesFaster: 1 }, measured.ours, measured.python),
      compare('retrieve from LDAP: helper / node -e 0', 'none', measured.ours, measured.node),
    ];
  } finally {
    await servers.stop();
  }
}

function instanceFor({ user, token, nss, flags, directory }: Site, tables: string): string[] {
  const text = (value: string) => JSON.stringify(value);
  writeFileSync(
    path.join(directory, 'etc', 'replica.toml'),
    `user = ${text(user.name)}\n\n[token]\nlabel = ${text(token.label)}\nmodule = ${text(token.module)}\npin-file = ${text(token.pinFile)}\nenvironment = { SOFTHSM2_CONF = ${text(token.confFile)} }\n\n[nss]\ndatabase = ${text(nss.database)}\n\n[issuer]\ntype = "directory"\ncertificate = ${text(caNickname)}\n\n${tables}`,
  );
  return ['--instance', 'replica', ...flags.slice(2)];
}
