import { setTimeout as sleep } from 'node:timers/promises';
import type { SupplierProcess } from './directory-server-supplier.js';
import { record } from './directory-server-tree.js';

/** Two suppliers of the same suffixes that send each other what they are told. */

const manager = 'cn=replication manager,cn=config';
/** Most seconds between two tries to reach the other; the server's own default is 300. */
const backoff = ['3', '3'] as const;

const mappingTree = (suffix: string) => `cn=${suffix.replaceAll('=', '\\3D').replaceAll(',', '\\2C')},cn=mapping tree,cn=config`;
const agreementDn = (suffix: string) => `cn=other,cn=replica,${mappingTree(suffix)}`;

/** Databases for the suffixes. */
export function backendsLdif(suffixes: readonly string[]): string {
  return suffixes
    .map((suffix, index) => {
      const name = `rig${String(index)}`;
      return (
        record(`cn=${name},cn=ldbm database,cn=plugins,cn=config`, {
          objectClass: ['top', 'extensibleObject', 'nsBackendInstance'],
          cn: [name],
          'nsslapd-suffix': [suffix],
        }) +
        record(mappingTree(suffix), {
          objectClass: ['top', 'extensibleObject', 'nsMappingTree'],
          cn: [suffix],
          'nsslapd-state': ['backend'],
          'nsslapd-backend': [name],
        })
      );
    })
    .join('');
}

/** Makes a server a supplier, number 1 or 2. */
export function replicaLdif(suffixes: readonly string[], number: number, password: string): string {
  return (
    record(manager, { objectClass: ['top', 'person'], cn: ['replication manager'], sn: ['manager'], userPassword: [password] }) +
    suffixes
      .map((suffix) =>
        record(`cn=replica,${mappingTree(suffix)}`, {
          objectClass: ['top', 'nsDS5Replica'],
          cn: ['replica'],
          nsDS5ReplicaRoot: [suffix],
          nsDS5ReplicaType: ['3'],
          nsDS5Flags: ['1'],
          nsDS5ReplicaId: [String(number + 2)],
          nsDS5ReplicaBindDN: [manager],
          nsDS5ReplicaBackoffMin: [backoff[0]],
          nsDS5ReplicaBackoffMax: [backoff[1]],
          nsDS5ReplicaReleaseTimeout: ['60'],
        }),
      )
      .join('')
  );
}

function agreementsLdif(suffixes: readonly string[], other: { readonly address: string; readonly port: number }, password: string): string {
  return suffixes
    .map((suffix) =>
      record(agreementDn(suffix), {
        objectClass: ['top', 'nsDS5ReplicationAgreement'],
        cn: ['other'],
        nsDS5ReplicaRoot: [suffix],
        nsDS5ReplicaHost: [other.address],
        nsDS5ReplicaPort: [String(other.port)],
        nsDS5ReplicaTransportInfo: ['LDAP'],
        nsDS5ReplicaBindMethod: ['SIMPLE'],
        nsDS5ReplicaBindDN: [manager],
        nsDS5ReplicaCredentials: [password],
        nsDS5ReplicaTimeout: ['120'],
      }),
    )
    .join('');
}

/** Agreements both ways, then all of the first one's data to the second. */
export async function replicate(
  suffixes: readonly string[],
  suppliers: readonly [SupplierProcess, SupplierProcess],
  peers: readonly [{ readonly address: string; readonly port: number }, { readonly address: string; readonly port: number }],
  password: string,
): Promise<void> {
  const [first, second] = suppliers;
  await first.change(agreementsLdif(suffixes, peers[1], password));
  await second.change(agreementsLdif(suffixes, peers[0], password));
  await first.change(
    suffixes
      .map((suffix) => `dn: ${agreementDn(suffix)}\nchangetype: modify\nadd: nsDS5BeginReplicaRefresh\nnsDS5BeginReplicaRefresh: start\n\n`)
      .join(''),
  );
  for (const suffix of suffixes) {
    for (let left = 600; ; left--) {
      const state = await first.search('-s', 'base', '-b', agreementDn(suffix), 'nsDS5BeginReplicaRefresh', 'nsds5replicaLastInitStatus');
      if (!/BeginReplicaRefresh/iu.test(state) && state.includes('Error (0)')) break;
      if (left === 0 || (!/BeginReplicaRefresh/iu.test(state) && /Error \([^0]/u.test(state)))
        throw new Error(`The second supplier was not filled with ${suffix}:\n${state}`);
      await sleep(100);
    }
  }
  // The keep-alive entries of the filling are sent with the next change, or half a minute later.
  await first.change(suffixes.map((suffix) => `dn: ${suffix}\nchangetype: modify\nreplace: description\ndescription: rig\n\n`).join(''));
}

/**
 * Whether both hold the same changes: the replica entries' update vectors, which are current (the one in the suffix is written every 30 s).
 */
export async function sameChanges(suffixes: readonly string[], suppliers: readonly SupplierProcess[]): Promise<boolean> {
  for (const suffix of suffixes) {
    const vectors = await Promise.all(
      suppliers.map(async (supplier) => {
        const text = await supplier.search('-s', 'base', '-b', `cn=replica,${mappingTree(suffix)}`, 'nsds50ruv');
        return [...text.matchAll(/^nsds50ruv: \{replica (\d+) [^}]*\} [0-9a-f]* ([0-9a-f]*)/gmu)]
          .map(([, id, csn]) => `${id ?? ''} ${csn ?? ''}`)
          .sort()
          .join('\n');
      }),
    );
    if (vectors[0] === '' || new Set(vectors).size !== 1) return false;
  }
  return true;
}
