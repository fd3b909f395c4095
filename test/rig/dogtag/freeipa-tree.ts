import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { run } from '../../../src/platform/run.js';
import { schemaLdif } from '../directory-server-schema.js';
import { treeLdif } from '../directory-server-tree.js';
import { hostName } from './chroot.js';
import { pkiBase, tokenLabel } from './pkispawn.js';
import { places } from './server.js';
import { softHsmModule } from '../soft-token.js';

export const base = 'dc=example,dc=test';

/**
 * What a FreeIPA server's directory holds besides Dogtag's own entries: this server as the renewal master, and what was published when it
 * was set up.
 */
export async function plantFreeIpa(root: string, published: readonly { readonly nickname: string; readonly pem: string }[]): Promise<void> {
  await ldapmodify(root, schemaChange());
  const tree = treeLdif({
    base,
    pkiBase,
    ca: der(readFileSync(places(root).caFile, 'utf8')),
    certificates: published.map(({ nickname, pem }) => ({ nickname, der: der(pem) })),
    hosts: [hostName],
    kra: [hostName],
    renewalMaster: hostName,
    hostPassword: 'unused',
    hsm: `${tokenLabel};${softHsmModule}`,
  });
  // The suffix is there, and Dogtag's entries are Dogtag's own.
  const ours = tree.split('\n\n').filter((entry) => {
    const dn = /^dn: (.*)$/mu.exec(entry)?.[1] ?? '';
    return dn.endsWith(`,${base}`);
  });
  await ldapmodify(root, `${ours.join('\n\n')}\n`);
}

const der = (pem: string) => new Uint8Array(new X509Certificate(pem).raw);

/** FreeIPA's definitions as one change of cn=schema; Dogtag has brought its own. */
function schemaChange(): string {
  const lines = schemaLdif()
    .split('\n')
    .filter((line) => /^(?:attributeTypes|objectClasses): \( [\d.]+ /u.test(line));
  const added = (kind: string) => [`add: ${kind}`, ...lines.filter((line) => line.startsWith(kind))];
  return ['dn: cn=schema', 'changetype: modify', ...added('attributeTypes'), '-', ...added('objectClasses'), ''].join('\n');
}

async function ldapmodify(root: string, ldif: string): Promise<void> {
  await run('ldapmodify', ['-Q', '-Y', 'EXTERNAL', '-H', `ldapi://${encodeURIComponent(places(root).ldapi)}`], { input: ldif });
}
