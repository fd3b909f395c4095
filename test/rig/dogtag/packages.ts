import { appendFileSync, chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../../src/platform/run.js';
import type { Account } from '../../../src/platform/service-user.js';

/** The last Debian that carries Dogtag: CA and KRA 10.10.2, with its 389-ds. */
const suite = 'bullseye';
const packages = ['pki-ca', 'pki-kra', '389-ds-base', 'softhsm2', 'opensc', 'libnss3-tools'];
const minutes = 60_000;

/**
 * A chroot with Dogtag's packages and nothing set up, in an empty directory; two to three minutes, from this machine's own package mirror.
 * Its pkiuser has the ids of `owner`: what belongs to the one belongs to the other.
 */
export async function installPackages(root: string, owner: Account): Promise<void> {
  await run('debootstrap', ['--variant=minbase', '--include=ca-certificates,procps,iproute2,curl', suite, root, await mirror()], {
    timeoutMs: 10 * minutes,
    env: proxies(),
  });
  // Daemons are not for the package manager to start.
  writeFileSync(path.join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  cpSync('/etc/resolv.conf', path.join(root, 'etc/resolv.conf'));
  appendFileSync(path.join(root, 'etc/group'), `pkiuser:x:${String(owner.gid)}:\n`);
  appendFileSync(path.join(root, 'etc/passwd'), `pkiuser:x:${String(owner.uid)}:${String(owner.gid)}:PKI:/var/lib/pki:/usr/sbin/nologin\n`);
  const install = `set -e
mount --make-rprivate /
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
chroot "$0" apt-get update -q
chroot "$0" apt-get install -qy --no-install-recommends ${packages.join(' ')}
chroot "$0" apt-get clean`;
  await run('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', install, root], {
    timeoutMs: 10 * minutes,
    env: { ...proxies(), DEBIAN_FRONTEND: 'noninteractive' },
  });
  for (const ballast of ['usr/share/doc', 'usr/share/locale', 'usr/share/man', 'var/lib/apt/lists', 'var/cache/apt'])
    rmSync(path.join(root, ballast), { recursive: true, force: true });
  chmodSync(path.join(root, 'etc/softhsm'), 0o755);
  keepServerCertificateInternal(path.join(root, 'usr/lib/python3/dist-packages/pki/server/deployment/scriptlets/configuration.py'));
}

/**
 * 10.10 puts the final TLS certificate on the token although pki_sslserver_token says internal, where its key is: two fallbacks are taken
 * out.
 */
function keepServerCertificateInternal(script: string): void {
  const marker = '    def import_perm_sslserver_cert';
  const [before = '', after] = readFileSync(script, 'utf8').split(marker);
  const fallback = /\n +if not token:\n +token = deployer\.mdict\['pki_token_name'\]\n/gu;
  if (after?.match(fallback)?.length !== 2)
    throw new Error(`${script} is not the one this rig knows: pkispawn would lose the server certificate.`);
  writeFileSync(script, `${before}${marker}${after.replace(fallback, '\n')}`);
}

/** Where this machine gets Debian's own packages from; HSMONGER_TEST_MIRROR names another. */
async function mirror(): Promise<string> {
  const named = process.env['HSMONGER_TEST_MIRROR'];
  if (named !== undefined && named !== '') return named;
  const { stdout } = await run('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']);
  const found = stdout.split('\n').find((uri) => /\/debian\/?$/u.test(uri));
  if (found === undefined)
    throw new Error(`This machine's package sources name no Debian mirror; set HSMONGER_TEST_MIRROR to one that has ${suite}.`);
  return found;
}

/** How this machine reaches the network. */
function proxies(): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]);
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}
