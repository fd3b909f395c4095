import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../../src/platform/run.js';
import type { Account } from '../../../src/platform/service-user.js';
import { createAgent } from './agent.js';
import type { Chroot } from './chroot.js';
import { caConfig, directoryInf, kraConfig, password, subjectBase, tokenLabel, tokenPin } from './pkispawn.js';
import { directoryServer, places, tomcat, untilRunning } from './server.js';

/** What one rig can have different from another. */
export interface Variant {
  /** Validity of the CA's own certificate, days; Dogtag's 7305 unless told. The profile it is renewed with gives 7305. */
  readonly caDays?: number;
}

/**
 * A CA and a KRA with FreeIPA's nicknames and subjects, their keys on a token that belongs to pkiuser; three to four minutes. Ends with all
 * daemons stopped.
 */
export async function deploy(chroot: Chroot, variant: Variant, owner: Account): Promise<void> {
  const file = (name: string, text: string) => {
    writeFileSync(path.join(chroot.root, 'root', name), text, { mode: 0o600 });
    return `/root/${name}`;
  };
  const spawn = (subsystem: string, config: string) => chroot.inside('pkispawn', ['-f', config, '-s', subsystem], { timeoutMs: 580_000 });
  await makeToken(chroot, owner);
  await chroot.inside('dscreate', ['from-file', file('directory.inf', directoryInf)], { timeoutMs: 120_000 });
  await spawn('CA', file('ca.cfg', caConfig(variant.caDays === undefined ? undefined : shorterCa(chroot, variant.caDays))));
  await exportPem(chroot);
  await chroot.inside('systemctl', ['stop', tomcat], { timeoutMs: 120_000 });
  configureAsFreeIpa(path.join(places(chroot.root).instance, 'ca/CS.cfg'));
  await chroot.inside('systemctl', ['start', tomcat], { timeoutMs: 120_000 });
  await untilRunning(chroot, ['ca']);
  await createAgent(chroot, subjectBase, password);
  await spawn('KRA', file('kra.cfg', kraConfig));
  for (const unit of [tomcat, directoryServer]) await chroot.inside('systemctl', ['stop', unit], { timeoutMs: 180_000 });
  writeFileSync(path.join(chroot.root, 'var/lib/pki/pki-tomcat.made'), '');
  // pkispawn works on both as root, too.
  for (const directory of [places(chroot.root).tokens, places(chroot.root).database])
    await run('chown', ['-R', `${String(owner.uid)}:${String(owner.gid)}`, directory]);
}

/** A token directory of pkiuser's alone: Debian's belongs to a group whose number is another one on this machine. */
async function makeToken(chroot: Chroot, owner: Account): Promise<void> {
  const { tokens } = places(chroot.root);
  if (existsSync(tokens)) throw new Error(`${tokens} is there already.`);
  mkdirSync(tokens);
  chmodSync(tokens, 0o700);
  chownSync(tokens, owner.uid, owner.gid);
  const conf = path.join(chroot.root, 'etc/softhsm/softhsm2.conf');
  chmodSync(conf, 0o644);
  writeFileSync(
    conf,
    'directories.tokendir = /var/lib/pki-tokens\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n',
  );
  await chroot.inside('setpriv', [
    '--reuid=pkiuser',
    '--regid=pkiuser',
    '--init-groups',
    'softhsm2-util',
    '--init-token',
    '--free',
    '--label',
    tokenLabel,
    '--pin',
    tokenPin,
    '--so-pin',
    tokenPin,
  ]);
}

/** Dogtag's profile for the first CA certificate with another validity. */
function shorterCa(chroot: Chroot, days: number): string {
  const source = readFileSync(path.join(chroot.root, 'usr/share/pki/ca/conf/caCert.profile'), 'utf8');
  writeFileSync(
    path.join(chroot.root, 'root/caCert.profile'),
    source.replace(/^2\.default\.params\.range=.*$/mu, `2.default.params.range=${String(days)}`),
    { mode: 0o644 },
  );
  return '/root/caCert.profile';
}

/** certmonger's helpers send no nonce (dogtag.c), so FreeIPA turns them off (cainstance.py). */
function configureAsFreeIpa(file: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^ca\.enableNonces=.*$/mu, 'ca.enableNonces=false'));
}

/** The CA's certificate and the administrator's, as PEM; the .p12 is in a cipher only the chroot's OpenSSL still reads. */
async function exportPem(chroot: Chroot): Promise<void> {
  const { caFile, admin, database } = places(chroot.root);
  mkdirSync(path.dirname(caFile), { recursive: true });
  const blocks = (text: string) => `${(/-----BEGIN [\s\S]*?-----END [^-]+-----/u.exec(text) ?? [''])[0].replaceAll('\r', '')}\n`;
  const p12 = ['pkcs12', '-in', '/root/.dogtag/pki-tomcat/ca_admin_cert.p12', '-passin', `pass:${password}`];
  writeFileSync(caFile, blocks((await run('certutil', ['-L', '-d', `sql:${database}`, '-n', 'caSigningCert cert-pki-ca', '-a'])).stdout));
  writeFileSync(admin.certificate, blocks((await chroot.inside('openssl', [...p12, '-clcerts', '-nokeys'])).stdout));
  writeFileSync(admin.key, blocks((await chroot.inside('openssl', [...p12, '-nocerts', '-nodes'])).stdout), { mode: 0o600 });
}
