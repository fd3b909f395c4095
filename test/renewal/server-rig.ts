import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Instance } from '../../src/config/instance.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { startDirectoryServers, type DirectoryServers } from '../rig/directory-server.js';
import { caExtensions, day, leafConstraints, makeCertificate, makeKeys, pem, type Keys } from '../x509/material.js';
import { openssl } from '../x509/openssl.js';
import { savingRig, subsystem, type SavingRig } from './saving-rig.js';

export const server = 'Server-Cert cert-pki-ca';
export const agent = 'ipaCert';
export const unit = 'pki-tomcatd@pki-tomcat.service';

/**
 * A FreeIPA server's Dogtag, as far as saving sees it: token, NSS database with a server certificate of its own, CS.cfg, the RA agent's
 * files, the directory.
 */
export interface ServerRig extends SavingRig {
  readonly ds: DirectoryServers;
  readonly instance: Instance;
  readonly agentFiles: { readonly certificate: string; readonly key: string };
  /** A later server certificate beside the one there is, in the internal database; DER. */
  renewServer(): Promise<Buffer>;
  /** A later agent certificate in place of the one there is, as certmonger writes it; for another key where asked. */
  renewAgent(keys?: Keys): Promise<Buffer>;
  config(subsystem: 'ca' | 'kra'): string;
  stop(): Promise<void>;
}

const directives = {
  ca: ['ca.signing.cert', 'ca.ocsp_signing.cert', 'ca.subsystem.cert', 'ca.sslserver.cert', 'ca.connector.KRA.transportCert'],
  kra: ['kra.subsystem.cert', 'kra.sslserver.cert', 'kra.transport.cert'],
};

export async function serverRig(options: { readonly password?: string; readonly hosts?: readonly string[] } = {}): Promise<ServerRig> {
  const rig = await savingRig(options);
  const { directory, nss, token } = rig;
  const owner = token.owner!;
  const [caKeys, serverKeys, agentKeys] = await Promise.all([makeKeys(), makeKeys(), makeKeys()]);
  const start = new Date(Date.now() - 300 * day);
  const until = (days: number) => new Date(Date.now() + days * day);
  const authority = await makeCertificate({
    keys: caKeys,
    subject: 'O=EXAMPLE.TEST, CN=Another Authority',
    serial: '01',
    notBefore: start,
    notAfter: until(5000),
    extensions: caExtensions(),
  });
  let serial = 16;
  const issue = (keys: Keys, subject: string, days: number): Promise<Certificate> =>
    makeCertificate({
      keys,
      subject,
      serial: (serial++).toString(16).padStart(2, '0'),
      by: { keys: caKeys, certificate: authority },
      notBefore: start,
      notAfter: until(days),
      extensions: [leafConstraints()],
    });

  const file = (name: string, content: string | Uint8Array, mode = 0o644) => {
    const full = path.join(directory, name);
    writeFileSync(full, content, { mode });
    return full;
  };
  const certutil = (nickname: string, trust: string, der: Uint8Array) =>
    rig.nssutils(
      'certutil',
      '-A',
      '-d',
      `sql:${nss.database}`,
      '-n',
      nickname,
      '-t',
      trust,
      '-i',
      file('in.der', der),
      '-f',
      nss.loginFile,
    );
  await certutil('Another Authority', 'CT,C,C', authority.der);

  const first = await issue(serverKeys, 'O=EXAMPLE.TEST, CN=ca1.example.test', 20);
  const keyOf = (keys: Keys) => keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const p12 = openssl([
    'pkcs12',
    '-export',
    '-inkey',
    file('server.key', keyOf(serverKeys)),
    '-in',
    file('server.pem', pem(first.der)),
    '-name',
    server,
    '-passout',
    'pass:twelve',
  ]);
  await rig.nssutils('pk12util', '-i', file('server.p12', p12), '-d', `sql:${nss.database}`, '-W', 'twelve', '-k', nss.loginFile);

  const agentFiles = { certificate: path.join(directory, 'ra-agent.pem'), key: path.join(directory, 'ra-agent.key') };
  const ra = 'O=EXAMPLE.TEST, CN=IPA RA';
  const agentFirst = await issue(agentKeys, ra, 20);
  writeFileSync(agentFiles.certificate, pem(agentFirst.der));
  writeFileSync(agentFiles.key, keyOf(agentKeys));
  for (const one of Object.values(agentFiles)) chmodSync(one, 0o440);

  const pki = path.join(directory, 'pki');
  for (const [name, names] of Object.entries(directives)) {
    mkdirSync(path.join(pki, name), { recursive: true });
    const config = path.join(pki, name, 'CS.cfg');
    writeFileSync(config, ['_000=##', ...names.map((one) => `${one}=OLD==`), 'passwordFile=/x', ''].join('\n'));
    for (const one of [path.join(pki, name), config]) chownSync(one, owner.uid, owner.gid);
    chmodSync(config, 0o660);
  }

  const ca = rig.old.certificate('caSigningCert cert-pki-ca').der;
  const ds = await startDirectoryServers({
    ca,
    certificates: [
      { nickname: subsystem, der: rig.old.certificate(subsystem).der },
      { nickname: agent, der: agentFirst.der },
    ],
    hosts: options.hosts ?? ['ca1.example.test'],
  });
  const instance: Instance = {
    ...rig.instance,
    directory: ds.servers[0]!.config(),
    pki: { directory: pki, unit, certificatesInConfig: true },
    certificates: [
      ...rig.instance.certificates,
      { nickname: server, profile: 'caServerCert', storage: { kind: 'internal' } },
      { nickname: agent, profile: 'caSubsystemCert', storage: { kind: 'file', ...agentFiles, owner: `root:${owner.name}`, mode: 0o440 } },
    ],
  };
  let serverDays = 100;
  let agentDays = 100;
  return {
    ...rig,
    ds,
    instance,
    agentFiles,
    act: (order, change = {}) => rig.act(order, { ...instance, ...change }),
    async renewServer() {
      const { der } = await issue(serverKeys, 'O=EXAMPLE.TEST, CN=ca1.example.test', (serverDays += 10));
      await certutil(server, ',,', der);
      return Buffer.from(der);
    },
    async renewAgent(keys = agentKeys) {
      const { der } = await issue(keys, ra, (agentDays += 10));
      writeFileSync(agentFiles.certificate, pem(der));
      return Buffer.from(der);
    },
    config: (name) => readFileSync(path.join(pki, name, 'CS.cfg'), 'latin1'),
    async stop() {
      await ds.stop();
      rig.remove();
    },
  };
}
