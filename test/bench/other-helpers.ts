import { X509Certificate } from 'node:crypto';
import { chownSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../src/platform/run.js';
import { program } from './program.js';
import type { Subject } from './rounds.js';
import { caNickname, ocspNickname, type Site } from './site.js';

/** What people run in our place today; `absent` says why it could not be measured here. */
export interface OtherHelper {
  readonly name: string;
  readonly subject?: Subject;
  readonly absent: string;
}

/**
 * The least a helper in shell does: openssl's pkcs11 engine signs the request. No checks, no ledger, no drop: it is started as the service
 * user.
 */
export async function shellHelper(site: Site): Promise<OtherHelper> {
  const name = "shell helper, openssl's pkcs11 engine";
  const { stdout } = await run('openssl', ['version', '-e']);
  const engine = path.join(/"(.*)"/u.exec(stdout)?.[1] ?? '', 'pkcs11.so');
  if (!existsSync(engine)) return { name, absent: `${engine} is not installed (libengine-pkcs11-openssl, openssl-pkcs11)` };
  const { token, user, directory } = site;
  const [configuration, helper, authority] = ['openssl.cnf', 'shell-helper', 'ca.pem'].map((file) => path.join(directory, file)) as [
    string,
    string,
    string,
  ];
  const ca = site.authority.certificate(caNickname);
  writeFileSync(
    configuration,
    `openssl_conf = start\n[start]\nengines = engines\n[engines]\npkcs11 = token\n[token]\nengine_id = pkcs11\nMODULE_PATH = ${token.module}\nPIN = ${token.pin}\ninit = 1\n`,
    { mode: 0o600 },
  );
  chownSync(configuration, user.uid, user.gid);
  writeFileSync(authority, ca.pem);
  writeFileSync(
    helper,
    `#!/bin/sh
set -eu
printf '%s' "$CERTMONGER_CSR" | openssl x509 -req -engine pkcs11 -CAkeyform engine \\
  -CAkey 'pkcs11:token=${encodeURIComponent(token.label)};id=${ca.keyId.replace(/../gu, '%$&')};type=private' \\
  -CA ${authority} -set_serial 0x4$(openssl rand -hex 15) -days 720 -sha256
`,
    { mode: 0o755 },
  );
  const env = {
    ...token.environment,
    OPENSSL_CONF: configuration,
    CERTMONGER_OPERATION: 'SUBMIT',
    CERTMONGER_CSR: site.authority.certificate(ocspNickname).csr,
  };
  const issuer = new X509Certificate(ca.der).publicKey;
  return {
    name,
    absent: '',
    subject: () => {
      if (!new X509Certificate(program(helper, [], { as: user, env })).verify(issuer))
        throw new Error('The shell helper gave a certificate whose signature does not verify.');
    },
  };
}

/**
 * The modules FreeIPA's dogtag-ipa-ca-renew-agent-submit loads before it does anything. Debian's python3-ipalib comes without ipaserver,
 * the larger half.
 */
const freeIpaImports = `
from cryptography import x509 as crypto_x509
from ipalib.install.kinit import kinit_keytab
from ipapython import ipautil
from ipapython.dn import DN
from ipalib import api, errors, x509, sysrestore
from ipaplatform.paths import paths
try:
    from ipaserver.plugins.ldap2 import ldap2
    from ipaserver.install import ca, cainstance, dsinstance, certs
except ImportError:
    from ipalib.install import certmonger
    from ipapython import ipaldap
`;

export async function freeIpaHelper(): Promise<OtherHelper> {
  const name = "python3 importing what FreeIPA's helper imports";
  const { exitCode, stderr } = await run('python3', ['-c', freeIpaImports], { okExitCodes: [0, 1] });
  if (exitCode !== 0)
    return { name, absent: `python3 cannot import it (${stderr.trim().split('\n').at(-1) ?? ''}); install python3-ipalib` };
  return { name, absent: '', subject: () => void program('python3', ['-c', freeIpaImports]) };
}
