import { randomBytes } from 'node:crypto';
import { chownSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { DirectoryBind, DirectoryConfig } from '../../src/config/instance.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { caExtensions, day, leafConstraints, makeCertificate, makeKeys, type Keys } from '../x509/material.js';
import { startKdc } from './directory-server-kerberos.js';
import { joinNetworks, type PairOfNetworks } from './directory-server-network.js';
import { backendsLdif, replicaLdif, replicate, sameChanges } from './directory-server-replication.js';
import { createSupplier, type SupplierProcess } from './directory-server-supplier.js';
import { createTlsAuthority } from './directory-server-tls.js';
import { hostDn, record, treeLdif } from './directory-server-tree.js';
import { privateDirectory } from './directory.js';
import { freePort } from './free-port.js';

export interface DirectoryServersOptions {
  /** Two replicate to each other, each in a network of its own. Default 1. */
  readonly suppliers?: 1 | 2;
  /** The IPA CA's certificate, DER. Default: one made here (`authority`). */
  readonly ca?: Uint8Array;
  /** What is published at first. Default: a subsystem certificate of that authority. */
  readonly certificates?: readonly { readonly nickname: string; readonly der: Uint8Array }[];
  /** Servers with a CA. Default ca1.example.test and ca2.example.test; the n-th is the n-th supplier's host. */
  readonly hosts?: readonly string[];
  /** Those of them with a KRA. Default the first. */
  readonly kra?: readonly string[];
  /** Default the first host. */
  readonly renewalMaster?: string;
  /** ipaCaHSMConfiguration. */
  readonly hsm?: string;
  /** A KDC beside the (one) supplier, which then takes host principals as their host entries. */
  readonly kerberos?: boolean;
}

/** One 389-ds. */
export interface DirectoryServer {
  readonly host: string;
  readonly ldapi: string;
  readonly ldaps: string;
  /** For StartTLS. */
  readonly ldap: string;
  pid(): number | undefined;
  /** What ldapsearch prints, as the Directory Manager: base, filter, attributes and so on as its arguments. */
  search(...args: string[]): Promise<string>;
  /** LDIF of changes, by ldapmodify as the Directory Manager. */
  change(ldif: string): Promise<void>;
  /** An instance's [directory] for this server; over ldapi unless said otherwise. */
  config(bind?: DirectoryBind, over?: 'ldapi' | 'ldaps' | 'starttls'): DirectoryConfig;
  /** As the server's own host entry, which may write shared certificates and nothing else. */
  hostBind(): DirectoryBind;
}

export interface DirectoryServers {
  readonly directory: string;
  readonly base: string;
  readonly pkiBase: string;
  /** PEM of the LDAP servers' TLS. */
  readonly caFile: string;
  readonly servers: readonly DirectoryServer[];
  /** The first host's keytab (root's) and what Kerberos programs need to find the KDC. */
  readonly kerberos?: { readonly keytab: string; readonly environment: { readonly KRB5_CONFIG: string }; stop(): Promise<void> };
  /** What signed the certificates of the tree; only where the caller brought none. */
  readonly authority?: { readonly keys: Keys; readonly certificate: Certificate };
  /** The subsystem certificate's key, where this rig made it. */
  readonly subsystem?: Keys;
  /** Number 1 or 2: kill -9, start again (done when it answers), SIGSTOP, SIGCONT. */
  kill(number: number): Promise<void>;
  start(number: number): Promise<void>;
  pause(number: number): Promise<void>;
  resume(number: number): void;
  /** The link between the two goes down; clients still reach both. */
  cut(): Promise<void>;
  heal(): Promise<void>;
  /** Until both hold the same changes; throws after `patienceMs`, default a minute. */
  inSync(patienceMs?: number): Promise<void>;
  stop(): Promise<void>;
}

const base = 'dc=example,dc=test';
const pkiBase = 'o=ipaca';

/** 389-ds with FreeIPA's and Dogtag's entries, in a private directory; ends with this process. */
export async function startDirectoryServers(options: DirectoryServersOptions = {}): Promise<DirectoryServers> {
  const {
    suppliers: count = 1,
    hosts = ['ca1.example.test', 'ca2.example.test'],
    hsm = 'softhsm_token;/usr/lib/softhsm/libsofthsm2.so',
  } = options;
  const [firstHost = ''] = hosts;
  const scratch = privateDirectory('ds');
  const directory = scratch.path;
  const password = randomBytes(12).toString('hex');
  const made = options.ca === undefined ? await makeAuthority() : undefined;
  const ca = options.ca ?? made?.certificate.der ?? new Uint8Array();
  const certificates =
    options.certificates ?? (made === undefined ? [] : [{ nickname: 'subsystemCert cert-pki-ca', der: made.subsystem.certificate.der }]);

  const tls = await createTlsAuthority(directory);
  const kdc = options.kerberos === true ? await startKdc(directory, await freePort()) : undefined;
  const service = await kdc?.keytab('service', 'ldap/127.0.0.1', `ldap/${firstHost}`);
  if (service !== undefined) chownSync(service, ...(await idsOf('dirsrv')));
  const environment =
    kdc === undefined || service === undefined ? {} : { ...kdc.environment, KRB5_KTNAME: `FILE:${service}`, KRB5RCACHENAME: 'none:' };
  const networks: PairOfNetworks | undefined = count === 2 ? await joinNetworks() : undefined;
  const places = await Promise.all(
    Array.from({ length: count }, async (_, index) => ({
      number: index + 1,
      host: hosts[index] ?? `ca${String(index + 1)}.example.test`,
      address: networks?.addresses[index] ?? '127.0.0.1',
      port: networks === undefined ? await freePort() : 389,
      securePort: networks === undefined ? await freePort() : 636,
      inside: networks?.inside(index as 0 | 1) ?? [],
      peer: networks?.peers[index],
    })),
  );
  const processes = await Promise.all(
    places.map(async ({ number, host, address, port, securePort, inside, peer }) => {
      const p12 = await tls.identity(
        `s${String(number)}`,
        [host, 'localhost'],
        [address, '127.0.0.1', ...(peer === undefined ? [] : [peer])],
      );
      const supplier = await createSupplier({
        directory,
        name: `s${String(number)}`,
        host,
        base,
        port,
        securePort,
        inside,
        environment,
        identity: { p12, ca: tls.caFile },
        ...(networks === undefined ? { listen: address } : {}),
      });
      await supplier.start();
      await supplier.change(
        backendsLdif([base, pkiBase]) +
          (kdc === undefined ? '' : hostMappingLdif()) +
          (count === 2 ? replicaLdif([base, pkiBase], number, password) : ''),
      );
      return supplier;
    }),
  );
  const at = (number: number): SupplierProcess => {
    const found = processes[number - 1];
    if (found === undefined) throw new Error(`There is no supplier ${String(number)}`);
    return found;
  };
  await at(1).change(
    treeLdif({
      base,
      pkiBase,
      ca,
      certificates,
      hosts,
      kra: options.kra ?? [firstHost],
      renewalMaster: options.renewalMaster ?? firstHost,
      hostPassword: password,
      hsm,
    }),
  );

  const passwordFile = path.join(directory, 'host.password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  const inSync = async (patienceMs = 60_000) => {
    for (const end = Date.now() + patienceMs; !(await sameChanges([base, pkiBase], processes)); await sleep(100)) {
      if (Date.now() > end) throw new Error(`The suppliers do not hold the same changes after ${String(patienceMs / 1000)} s`);
    }
  };
  if (networks !== undefined) {
    const [one, two] = networks.peers;
    await replicate(
      [base, pkiBase],
      [at(1), at(2)],
      [
        { address: one, port: 389 },
        { address: two, port: 389 },
      ],
      password,
    );
    await inSync();
  }

  return {
    directory,
    base,
    pkiBase,
    caFile: tls.caFile,
    servers: places.map(({ number, host, address, port, securePort }): DirectoryServer => {
      const supplier = at(number);
      const uris = {
        ldapi: supplier.ldapi,
        ldaps: `ldaps://${address}:${String(securePort)}`,
        starttls: `ldap://${address}:${String(port)}`,
      };
      return {
        host,
        ldapi: uris.ldapi,
        ldaps: uris.ldaps,
        ldap: uris.starttls,
        pid: supplier.pid,
        search: supplier.search,
        change: supplier.change,
        config: (bind = { method: 'external' }, over = 'ldapi') => ({
          uri: uris[over],
          startTls: over === 'starttls',
          caFile: tls.caFile,
          bind,
          base,
          pkiBase,
          host,
        }),
        hostBind: () => ({ method: 'simple', dn: hostDn(base, host), passwordFile }),
      };
    }),
    ...(kdc === undefined
      ? {}
      : { kerberos: { keytab: await kdc.keytab('host', `host/${firstHost}`), environment: kdc.environment, stop: kdc.stop } }),
    ...(made === undefined ? {} : { authority: { keys: made.keys, certificate: made.certificate }, subsystem: made.subsystem.keys }),
    kill: (number) => at(number).kill(),
    start: (number) => at(number).start(),
    pause: (number) => at(number).pause(),
    resume: (number) => at(number).resume(),
    cut: async () => {
      await networks?.setLink('down');
    },
    heal: async () => {
      await networks?.setLink('up');
    },
    inSync,
    stop: async () => {
      await Promise.all(processes.map((supplier) => supplier.stop()));
      await networks?.stop();
      await kdc?.stop();
      scratch.remove();
    },
  };
}

async function makeAuthority() {
  const [keys, subsystemKeys] = await Promise.all([makeKeys(), makeKeys()]);
  const [from, until] = [new Date(Date.now() - 300 * day), new Date(Date.now() + 3000 * day)];
  const certificate = await makeCertificate({
    keys,
    subject: 'O=EXAMPLE.TEST, CN=Certificate Authority',
    serial: '01',
    notBefore: from,
    notAfter: until,
    extensions: caExtensions(),
  });
  const subsystem = await makeCertificate({
    keys: subsystemKeys,
    subject: 'O=EXAMPLE.TEST, CN=CA Subsystem',
    serial: '04',
    by: { keys, certificate },
    notBefore: from,
    notAfter: new Date(Date.now() + 20 * day),
    extensions: [leafConstraints()],
  });
  return { keys, certificate, subsystem: { keys: subsystemKeys, certificate: subsystem } };
}

/** FreeIPA's mapping of host principals. */
function hostMappingLdif(): string {
  return record('cn=hosts,cn=mapping,cn=sasl,cn=config', {
    objectClass: ['top', 'nsSaslMapping'],
    cn: ['hosts'],
    nsSaslMapRegexString: ['^host/\\([^@]*\\)'],
    nsSaslMapBaseDNTemplate: [hostDn(base, '\\1')],
    nsSaslMapFilterTemplate: ['(objectClass=*)'],
    nsSaslMapPriority: ['1'],
  });
}

async function idsOf(user: string): Promise<[number, number]> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map(async (which) => Number((await execa('id', [which, user])).stdout)));
  return [uid ?? 0, gid ?? 0];
}
