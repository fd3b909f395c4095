import { X509Certificate, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus } from '../../dbus/connect.js';
import { Variant } from '../../dbus/wire.js';
import { run } from '../../src/platform/run.js';
import { createAuthority, dogtagCertificates, type Authority, type CertificateSpec, type SubjectName } from './authority.js';
import { startBus, type PrivateBus } from './bus.js';
import { getcert, startCertmonger, type Certmonger } from './certmonger.js';
import { privateDirectory, type PrivateDirectory } from './directory.js';
import { startDirectoryServers, type DirectoryServers } from './directory-server.js';
import { createNssDatabase, type NssDatabase } from './nss-database.js';
import { runAs } from './run-as.js';
import { ensureServiceUser } from './service-user.js';
import { createSoftToken, type SoftToken } from './soft-token.js';

const organization = 'EXAMPLE.TEST';
const subAuthority = 'caSigningCert cert-pki-ca 8a2b3c4d-0001-4a4b-8c8d-1234567890ab';
const serverCert = 'Server-Cert cert-pki-ca';
const serverSubject = `CN=ca1.example.test,O=${organization}`;
const internalPassword = 'internal=pw with blank';
export const wrongToken = 'not_this_token';
export const misplaced = 'auditSigningCert cert-pki-kra';
/** What FreeIPA's helper says on a replica that waits for the renewal master. */
export const pythonCookie = '{"cookie": "", "profile": "caSubsystemCert"}';
export const renewAgent = 'dogtag-ipa-ca-renew-agent';

/** As FreeIPA's installers leave them (cainstance.py, krainstance.py, ca.py). */
const certificates: readonly CertificateSpec[] = [
  ...dogtagCertificates,
  {
    nickname: 'transportCert cert-pki-kra',
    profile: 'caTransportCert',
    subject: [{ O: [organization] }, { CN: ['KRA Transport Certificate'] }],
  },
  { nickname: 'storageCert cert-pki-kra', profile: 'caStorageCert', subject: [{ O: [organization] }, { CN: ['KRA Storage Certificate'] }] },
  { nickname: misplaced, profile: 'caAuditSigningCert', subject: [{ O: [organization] }, { CN: ['KRA Audit'] }] },
  { nickname: subAuthority, profile: 'caCACert', subject: [{ O: [organization] }, { CN: ['Sub'] }], issuer: 'caSigningCert cert-pki-ca' },
];

/** A machine that looks like an IPA server: its files below `root`, its directory, and certmonger with the requests FreeIPA makes. */
export interface IpaServer {
  readonly root: string;
  readonly directory: string;
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
  /** Every private key of the CA's, by a tool that is not ours. */
  privateKeys(): Promise<string>;
  stop(): Promise<void>;
}

export interface HsmServer extends IpaServer {
  readonly token: SoftToken;
  readonly authority: Authority;
}

/** Keys and certificates, wherever this server has them. */
interface Store {
  readonly root: string;
  readonly nss: NssDatabase;
  readonly token?: SoftToken;
  /** The CA's, DER. */
  readonly ca: Buffer;
  readonly sysrestore: string;
  /** Lines of password.conf beside the database's. */
  readonly pins: string;
  /** What FreeIPA's requests say of each certificate's store. */
  readonly placesOf: (nickname: string) => Record<string, string> | undefined;
  privateKeys(): Promise<string>;
}

/** With an HSM. */
export async function startIpaServer(): Promise<HsmServer> {
  const home = privateDirectory('hsmonger-ipa');
  const directory = home.path;
  const root = path.join(directory, 'root');
  const owner = ensureServiceUser();
  const token = await createSoftToken({ directory, owner, pin: '12=34 56' });
  const authority = await createAuthority(token, { certificates, each: { daysLeft: 300 } });
  mkdirSync(path.join(root, 'etc/pki/pki-tomcat'), { recursive: true });
  const nss = await createNssDatabase({ directory: path.join(root, 'etc/pki/pki-tomcat'), owner, token, password: internalPassword });
  await makeInDatabase(nss, [{ nickname: serverCert, subject: serverSubject }], token.environment);
  const server = await assemble(home, {
    root,
    nss,
    token,
    ca: authority.certificate('caSigningCert cert-pki-ca').der,
    sysrestore: `[pki_hsm]\nenabled = True\ntoken_name = ${token.label}\n`,
    pins: `hardware-${token.label}=${token.pin}\n`,
    placesOf: (nickname) => {
      // FreeIPA gives a sub-CA's request no token, and certmonger would make a key of its own for it at once.
      if (nickname === subAuthority) return undefined;
      if (nickname === serverCert) return { KEY_PIN: internalPassword };
      const label = nickname === misplaced ? wrongToken : token.label;
      return { KEY_PIN: token.pin, 'key-token': label, 'cert-token': label, 'nss-user': 'pkiuser' };
    },
    privateKeys: async () =>
      (
        await runAs(
          owner,
          'pkcs11-tool',
          ['--module', token.module, '--token-label', token.label, '--login', '--pin', 'env:RIG_PIN', '-O', '--type', 'privkey'],
          { env: { ...token.environment, RIG_PIN: token.pin }, cwd: '/' },
        )
      ).stdout,
  });
  return { ...server, token, authority };
}

/** Without one: every key is in the NSS database. */
export async function startIpaServerWithoutHsm(): Promise<IpaServer> {
  const home = privateDirectory('hsmonger-ipa');
  const root = path.join(home.path, 'root');
  const owner = ensureServiceUser();
  mkdirSync(path.join(root, 'etc/pki/pki-tomcat'), { recursive: true });
  const nss = await createNssDatabase({ directory: path.join(root, 'etc/pki/pki-tomcat'), owner, password: internalPassword });
  await makeInDatabase(nss, [
    ...certificates.map(({ nickname, subject }) => ({ nickname, subject: rfc4514(subject ?? []) })),
    { nickname: serverCert, subject: serverSubject },
  ]);
  const ca = await runAs(owner, 'certutil', ['-L', '-d', `sql:${nss.database}`, '-n', 'caSigningCert cert-pki-ca', '-a'], { cwd: '/' });
  return assemble(home, {
    root,
    nss,
    ca: new X509Certificate(ca.stdout).raw,
    sysrestore: '',
    pins: '',
    placesOf: (nickname) => ({
      KEY_PIN: internalPassword,
      ...(nickname === subAuthority || nickname === serverCert ? {} : { 'nss-user': 'pkiuser' }),
    }),
    privateKeys: async () =>
      (await runAs(owner, 'certutil', ['-K', '-d', `sql:${nss.database}`, '-f', nss.loginFile], { cwd: '/' })).stdout
        .match(/\b[0-9a-f]{40}\b/gu)!
        .sort()
        .join('\n'),
  });
}

/** As certutil takes it: the last one first. */
function rfc4514(subject: SubjectName): string {
  return subject
    .flatMap((part) =>
      Object.entries(part).flatMap(([type, values]) => values.map((value) => `${type}=${typeof value === 'string' ? value : ''}`)),
    )
    .reverse()
    .join(',');
}

/** Key and certificate of each, made by certutil in the NSS database. */
async function makeInDatabase(
  nss: NssDatabase,
  specs: readonly { readonly nickname: string; readonly subject: string }[],
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const owner = ensureServiceUser();
  const noise = `${nss.database}.noise`;
  for (const [index, { nickname, subject }] of specs.entries()) {
    writeFileSync(noise, randomBytes(64));
    chownSync(noise, owner.uid, owner.gid);
    await runAs(
      owner,
      'certutil',
      [
        '-S',
        '-d',
        `sql:${nss.database}`,
        '-n',
        nickname,
        '-s',
        subject,
        '-x',
        '-t',
        'u,u,u',
        '-v',
        '12',
        '-g',
        '2048',
        '-m',
        String(index + 1),
        '-z',
        noise,
        '-f',
        nss.loginFile,
      ],
      { env: { ...environment }, cwd: '/' },
    );
  }
}

/** What is the same on every IPA server. */
async function assemble(home: PrivateDirectory, store: Store): Promise<IpaServer> {
  const directory = home.path;
  const { root, nss, token } = store;
  const put = (file: string, content: string, mode = 0o644) => {
    const name = path.join(root, file);
    mkdirSync(path.dirname(name), { recursive: true, mode: 0o755 });
    writeFileSync(name, content, { mode });
    return name;
  };
  const ra = { certificate: path.join(root, 'var/lib/ipa/ra-agent.pem'), key: put('var/lib/ipa/ra-agent.key', '', 0o440) };
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '300',
    '-subj',
    `/O=${organization}/CN=IPA RA`,
    '-keyout',
    ra.key,
    '-out',
    ra.certificate,
  ]);
  chmodSync(ra.key, 0o440);
  chmodSync(ra.certificate, 0o440);

  const ds = await startDirectoryServers({ ca: store.ca, ...(token === undefined ? {} : { hsm: `${token.label};${token.module}` }) });
  await ds.servers[0]!.change(
    `dn: cn=ipaConfig,cn=etc,${ds.base}\nchangetype: add\nobjectClass: top\nobjectClass: extensibleObject\ncn: ipaConfig\nipaCertificateSubjectBase: O=${organization}\n`,
  );
  put(
    'etc/ipa/default.conf',
    `[global]\r\nhost = ca1.example.test\r\nbasedn = ${ds.base}\r\nrealm = ${organization}\r\ndomain = example.test\r\nldap_uri = ${ds.servers[0]!.ldapi}\r\n`,
  );
  put('etc/ipa/ca.crt', new X509Certificate(store.ca).toString());
  put('var/lib/ipa/sysrestore/sysrestore.state', `[installation]\ncomplete = True\n\n${store.sysrestore}`, 0o600);
  put('etc/pki/pki-tomcat/password.conf', `internal=${internalPassword}\ninternaldb=other\n${store.pins}`, 0o600);
  put('etc/pki/pki-tomcat/ca/CS.cfg', 'ca.signing.nickname=x\n');
  put('etc/pki/pki-tomcat/kra/CS.cfg', 'kra.storage.nickname=x\n');
  put('usr/share/pki/VERSION', 'Specification-Version: 11.5.0\nImplementation-Version: 11.5.0\n');

  const bus = await startBus(directory);
  const certmonger = await startCertmonger({ directory, bus, ...(token === undefined ? {} : { token }) });
  const helper = put(
    'usr/libexec/certmonger/dogtag-ipa-ca-renew-agent-submit',
    `#!/bin/sh\ncase "$CERTMONGER_OPERATION" in\nSUBMIT|POLL) echo 28800; echo '${pythonCookie}'; exit 5;;\n*) exit 6;;\nesac\n`,
    0o755,
  );
  const helpers = {
    [renewAgent]: helper,
    [`${renewAgent}-reuse`]: `${helper} --reuse-existing`,
    [`${renewAgent}-selfsigned`]: `${helper} --force-self-signed`,
  };
  const requests = await track({ address: bus.address, helpers, ra, ...store });
  const config = path.join(directory, 'etc');
  const state = path.join(directory, 'state');
  mkdirSync(config, { mode: 0o755 });
  return {
    root,
    directory,
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
    casListing: async () =>
      (await Promise.all(Object.keys(helpers).map(async (ca) => (await getcert(bus, ['list-cas', '-c', ca])).stdout))).join(''),
    privateKeys: () => store.privateKeys(),
    stop: async () => {
      await certmonger.stop();
      await bus.stop();
      await ds.stop();
      home.remove();
    },
  };
}

/** The requests as FreeIPA's ipalib/install/certmonger.py asks for them: no id, no `sql:`, PIN and not PIN file. */
async function track({
  address,
  helpers,
  nss,
  placesOf,
  ra,
}: Pick<Store, 'nss' | 'placesOf'> & {
  readonly address: string;
  readonly helpers: IpaServer['helpers'];
  readonly ra: { readonly certificate: string; readonly key: string };
}): Promise<Map<string, string>> {
  const bus = await connectBus(address, { env: {} });
  const certmonger = {
    destination: 'org.fedorahosted.certmonger',
    path: '/org/fedorahosted/certmonger',
    interface: 'org.fedorahosted.certmonger',
  } as const;
  const paths: unknown[] = [];
  for (const [nickname, command] of Object.entries(helpers))
    paths.push((await bus.call({ ...certmonger, member: 'add_known_ca', signature: 'ssas', body: [nickname, command, []] })).body[1]);
  const text = (value: string) => new Variant('s', value);
  const ids = new Map<string, string>();
  const add = async (name: string, values: Record<string, Variant>) => {
    const { body } = await bus.call({
      ...certmonger,
      member: 'add_request',
      signature: 'a{sv}',
      body: [{ TRACK: new Variant('b', true), CA: new Variant('o', paths[0]), ...values }],
    });
    const request = { destination: certmonger.destination, path: String(body[1]), interface: 'org.fedorahosted.certmonger.request' };
    const id = String((await bus.call({ ...request, member: 'get_nickname', body: [] })).body[0]);
    ids.set(id, name);
    // One after the other: while one of certmonger's children logs in, SoftHSM shows another no token.
    for (let left = 100; left > 0; left--) {
      if (/status: (?:MONITORING|NEWLY_ADDED_NEED_\S+)\n/u.test((await getcert({ address }, ['list', '-i', id])).stdout)) break;
      await sleep(50);
    }
  };
  const hooks = (pre: string, post: string) => ({
    'cert-presave-command': text(`/usr/libexec/ipa/certmonger/${pre}`),
    'cert-postsave-command': text(`/usr/libexec/ipa/certmonger/${post}`),
  });
  const inDatabase = (nickname: string) => ({
    CERT_STORAGE: text('NSSDB'),
    KEY_STORAGE: text('NSSDB'),
    CERT_LOCATION: text(nss.database),
    KEY_LOCATION: text(nss.database),
    CERT_NICKNAME: text(nickname),
    KEY_NICKNAME: text(nickname),
    ...hooks('stop_pkicad', `renew_ca_cert "${nickname}"`),
  });
  for (const { nickname, profile } of [...certificates, { nickname: serverCert, profile: 'caServerCert' }]) {
    const places = placesOf(nickname);
    if (places === undefined) continue;
    await add(nickname, {
      ...inDatabase(nickname),
      'ca-profile': text(profile),
      ...Object.fromEntries(Object.entries(places).map(([name, value]) => [name, text(value)])),
    });
  }
  await add('ra-agent', {
    CERT_STORAGE: text('FILE'),
    KEY_STORAGE: text('FILE'),
    CERT_LOCATION: text(ra.certificate),
    KEY_LOCATION: text(ra.key),
    'ca-profile': text('caSubsystemCert'),
    ...hooks('renew_ra_cert_pre', 'renew_ra_cert'),
  });
  bus.disconnect();
  return ids;
}
