import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connectBus } from '../../dbus/transport.js';
import { Variant } from '../../dbus/wire.js';
import { run } from '../../src/platform/run.js';
import { createAuthority, dogtagCertificates, type Authority, type CertificateSpec } from './authority.js';
import { startBus, type PrivateBus } from './bus.js';
import { getcert, startCertmonger, type Certmonger } from './certmonger.js';
import { privateDirectory } from './directory.js';
import { startDirectoryServers, type DirectoryServers } from './directory-server.js';
import { createNssDatabase, type NssDatabase } from './nss-database.js';
import { runAs } from './run-as.js';
import { ensureServiceUser } from './service-user.js';
import { createSoftToken, type SoftToken } from './soft-token.js';

const organization = 'EXAMPLE.TEST';
const subAuthority = 'caSigningCert cert-pki-ca 8a2b3c4d-0001-4a4b-8c8d-1234567890ab';
const serverCert = 'Server-Cert cert-pki-ca';
const internalPassword = 'internal=pw with blank';
export const wrongToken = 'not_this_token';
export const misplaced = 'auditSigningCert cert-pki-kra';
/** What FreeIPA's helper says on a replica that waits for the renewal master. */
export const pythonCookie = '{"cookie": "", "profile": "caSubsystemCert"}';
export const renewAgent = 'dogtag-ipa-ca-renew-agent';

/** As FreeIPA's installers leave them (cainstance.py, krainstance.py, ca.py). */
const certificates: readonly CertificateSpec[] = [
  ...dogtagCertificates,
  { nickname: 'transportCert cert-pki-kra', profile: 'caTransportCert', subject: [{ O: [organization] }, { CN: ['KRA Transport Certificate'] }] },
  { nickname: 'storageCert cert-pki-kra', profile: 'caStorageCert', subject: [{ O: [organization] }, { CN: ['KRA Storage Certificate'] }] },
  { nickname: misplaced, profile: 'caAuditSigningCert', subject: [{ O: [organization] }, { CN: ['KRA Audit'] }] },
  { nickname: subAuthority, profile: 'caCACert', subject: [{ O: [organization] }, { CN: ['Sub'] }], issuer: 'caSigningCert cert-pki-ca' },
];

/** A machine that looks like an IPA server with an HSM: its files below `root`, its directory, and certmonger with the requests FreeIPA makes. */
export interface IpaServer {
  readonly root: string;
  readonly directory: string;
  readonly token: SoftToken;
  readonly authority: Authority;
  readonly nss: NssDatabase;
  readonly ds: DirectoryServers;
  readonly bus: PrivateBus;
  readonly certmonger: Certmonger;
  readonly config: string;
  readonly state: string;
  /** FreeIPA's command line of each of its three CAs. */
  readonly helpers: Readonly<Record<string, string>>;
  /** Nicknames (or ra-agent) by the ids certmonger gave their requests. */
  readonly requests: ReadonlyMap<string, string>;
  /** Flags that lead here. */
  readonly here: readonly string[];
  listing(): Promise<string>;
  /** "helper-location" of the three CAs. */
  casListing(): Promise<string>;
  /** Label and id of every private key on the token, by pkcs11-tool. */
  privateKeys(): Promise<string>;
  stop(): Promise<void>;
}

export async function startIpaServer(): Promise<IpaServer> {
  const home = privateDirectory('hsmonger-ipa');
  const directory = home.path;
  const root = path.join(directory, 'root');
  const owner = ensureServiceUser();
  const put = (file: string, content: string, mode = 0o644) => {
    const name = path.join(root, file);
    mkdirSync(path.dirname(name), { recursive: true, mode: 0o755 });
    writeFileSync(name, content, { mode });
    return name;
  };
  const token = await createSoftToken({ directory, owner, pin: '12=34 56' });
  const authority = await createAuthority(token, { certificates, each: { daysLeft: 300 } });
  mkdirSync(path.join(root, 'etc/pki/pki-tomcat'), { recursive: true });
  const nss = await createNssDatabase({ directory: path.join(root, 'etc/pki/pki-tomcat'), owner, token, password: internalPassword });
  const noise = put('noise', 'x'.repeat(64));
  chownSync(noise, owner.uid, owner.gid);
  await runAs(owner, 'certutil', ['-S', '-d', `sql:${nss.database}`, '-n', serverCert, '-s', `CN=ca1.example.test,O=${organization}`, '-x', '-t', 'u,u,u', '-v', '12', '-g', '2048', '-z', noise, '-f', nss.loginFile], { env: { ...token.environment }, cwd: '/' });
  const ra = { certificate: path.join(root, 'var/lib/ipa/ra-agent.pem'), key: put('var/lib/ipa/ra-agent.key', '', 0o440) };
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '300', '-subj', `/O=${organization}/CN=IPA RA`, '-keyout', ra.key, '-out', ra.certificate]);
  chmodSync(ra.key, 0o440);
  chmodSync(ra.certificate, 0o440);

  const ds = await startDirectoryServers({ ca: authority.certificate('caSigningCert cert-pki-ca').der, hsm: `${token.label};${token.module}` });
  await ds.servers[0]!.change(`dn: cn=ipaConfig,cn=etc,${ds.base}\nchangetype: add\nobjectClass: top\nobjectClass: extensibleObject\ncn: ipaConfig\nipaCertificateSubjectBase: O=${organization}\n`);
  put('etc/ipa/default.conf', `[global]\r\nhost = ca1.example.test\r\nbasedn = ${ds.base}\r\nrealm = ${organization}\r\ndomain = example.test\r\nldap_uri = ${ds.servers[0]!.ldapi}\r\n`);
  put('etc/ipa/ca.crt', authority.certificate('caSigningCert cert-pki-ca').pem);
  put('var/lib/ipa/sysrestore/sysrestore.state', `[installation]\ncomplete = True\n\n[pki_hsm]\nenabled = True\ntoken_name = ${token.label}\n`, 0o600);
  put('etc/pki/pki-tomcat/password.conf', `internal=${internalPassword}\ninternaldb=other\nhardware-${token.label}=${token.pin}\n`, 0o600);
  put('etc/pki/pki-tomcat/ca/CS.cfg', 'ca.signing.nickname=x\n');
  put('etc/pki/pki-tomcat/kra/CS.cfg', 'kra.storage.nickname=x\n');
  put('usr/share/pki/VERSION', 'Specification-Version: 11.5.0\nImplementation-Version: 11.5.0\n');

  const bus = await startBus(directory);
  const certmonger = await startCertmonger({ directory, bus, token });
  const helper = put('usr/libexec/certmonger/dogtag-ipa-ca-renew-agent-submit', `#!/bin/sh\ncase "$CERTMONGER_OPERATION" in\nSUBMIT|POLL) echo 28800; echo '${pythonCookie}'; exit 5;;\n*) exit 6;;\nesac\n`, 0o755);
  const helpers = { [renewAgent]: helper, [`${renewAgent}-reuse`]: `${helper} --reuse-existing`, [`${renewAgent}-selfsigned`]: `${helper} --force-self-signed` };
  const requests = await track({ address: bus.address, helpers, nss, token, ra });
  const config = path.join(directory, 'etc');
  const state = path.join(directory, 'state');
  mkdirSync(config, { mode: 0o755 });
  return {
    root,
    directory,
    token,
    authority,
    nss,
    ds,
    bus,
    certmonger,
    config,
    state,
    helpers,
    requests,
    here: ['--bus', bus.address, '--config-dir', config, '--state-dir', state],
    listing: async () => (await getcert(bus, ['list'])).stdout,
    casListing: async () => (await Promise.all(Object.keys(helpers).map(async (ca) => (await getcert(bus, ['list-cas', '-c', ca])).stdout))).join(''),
    privateKeys: async () => (await runAs(owner, 'pkcs11-tool', ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:RIG_PIN', '-O', '--type', 'privkey'], { env: { ...token.environment, RIG_PIN: token.pin }, cwd: '/' })).stdout,
    stop: async () => {
      await certmonger.stop();
      await bus.stop();
      await ds.stop();
      home.remove();
    },
  };
}

/** The requests as FreeIPA's ipalib/install/certmonger.py asks for them: no id, no `sql:`, PIN and not PIN file. */
async function track({ address, helpers, nss, token, ra }: { readonly address: string; readonly helpers: IpaServer['helpers']; readonly nss: NssDatabase; readonly token: SoftToken; readonly ra: { readonly certificate: string; readonly key: string } }): Promise<Map<string, string>> {
  const bus = await connectBus(address, { env: {} });
  const certmonger = { destination: 'org.fedorahosted.certmonger', path: '/org/fedorahosted/certmonger', interface: 'org.fedorahosted.certmonger' } as const;
  const paths: unknown[] = [];
  for (const [nickname, command] of Object.entries(helpers)) paths.push((await bus.call({ ...certmonger, member: 'add_known_ca', signature: 'ssas', body: [nickname, command, []] })).body[1]);
  const text = (value: string) => new Variant('s', value);
  const ids = new Map<string, string>();
  const add = async (name: string, values: Record<string, Variant>) => {
    const { body } = await bus.call({ ...certmonger, member: 'add_request', signature: 'a{sv}', body: [{ TRACK: new Variant('b', true), CA: new Variant('o', paths[0]), ...values }] });
    const request = { destination: certmonger.destination, path: String(body[1]), interface: 'org.fedorahosted.certmonger.request' };
    ids.set(String((await bus.call({ ...request, member: 'get_nickname', body: [] })).body[0]), name);
  };
  const hooks = (pre: string, post: string) => ({ 'cert-presave-command': text(`/usr/libexec/ipa/certmonger/${pre}`), 'cert-postsave-command': text(`/usr/libexec/ipa/certmonger/${post}`) });
  const inDatabase = (nickname: string) => ({ CERT_STORAGE: text('NSSDB'), KEY_STORAGE: text('NSSDB'), CERT_LOCATION: text(nss.database), KEY_LOCATION: text(nss.database), CERT_NICKNAME: text(nickname), KEY_NICKNAME: text(nickname), ...hooks('stop_pkicad', `renew_ca_cert "${nickname}"`) });
  for (const { nickname, profile } of certificates) {
    // FreeIPA gives a sub-CA's request no token, and certmonger would make a key of its own for it at once.
    if (nickname === subAuthority) continue;
    const label = text(nickname === misplaced ? wrongToken : token.label);
    await add(nickname, { ...inDatabase(nickname), KEY_PIN: text(token.pin), 'ca-profile': text(profile), 'key-token': label, 'cert-token': label, 'nss-user': text('pkiuser') });
  }
  await add(serverCert, { ...inDatabase(serverCert), KEY_PIN: text(internalPassword), 'ca-profile': text('caServerCert') });
  await add('ra-agent', { CERT_STORAGE: text('FILE'), KEY_STORAGE: text('FILE'), CERT_LOCATION: text(ra.certificate), KEY_LOCATION: text(ra.key), 'ca-profile': text('caSubsystemCert'), ...hooks('renew_ra_cert_pre', 'renew_ra_cert') });
  bus.disconnect();
  return ids;
}
