import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Directory } from '../../src/directory/directory.js';
import { openDirectory } from '../../src/directory/open.js';
import { updatePkiUser } from '../../src/directory/pki-users.js';
import { listServers, setRenewalMaster } from '../../src/directory/servers.js';
import { chooseShared, publishShared, readShared, tidyShared, type Judge } from '../../src/directory/shared-certificates.js';
import { renewalDn, renewalsDn } from '../../src/directory/tree.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { startDirectoryServers, type DirectoryServer, type DirectoryServers } from '../rig/directory-server.js';
import { namesOf } from '../rig/directory-server-tree.js';
import { day, hex, leafConstraints, makeCertificate } from '../x509/material.js';

const nickname = 'subsystemCert cert-pki-ca';
let rig: DirectoryServers;
let servers: [DirectoryServer, DirectoryServer];
let here: Directory;
let there: Directory;
let judge: Judge;
let serial = 16;

beforeAll(async () => {
  rig = await startDirectoryServers({ suppliers: 2 });
  servers = rig.servers as [DirectoryServer, DirectoryServer];
  [here, there] = [await openDirectory(servers[0].config()), await openDirectory(servers[1].config(servers[1].hostBind(), 'ldaps'))];
  judge = { now: new Date(), spki: rig.subsystem!.spki, authorities: [rig.authority!.certificate] };
});
afterAll(async () => {
  await Promise.all([here.close(), there.close()]);
  await rig.stop();
});

function renewed(days: number): Promise<Certificate> {
  return makeCertificate({
    keys: rig.subsystem!,
    subject: 'O=EXAMPLE.TEST, CN=CA Subsystem',
    by: rig.authority!,
    serial: (serial++).toString(16),
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + days * day),
    extensions: [leafConstraints()],
  });
}
const shown = (certificates: readonly Certificate[]) => certificates.map(({ der }) => hex(der)).sort();

it('what one server publishes wakes who watches the other, who finds it there', async () => {
  const listening = new AbortController();
  const changes = there.watch({ base: renewalsDn(rig.base), scope: 'subtree' }, listening.signal)[Symbol.asyncIterator]();
  await changes.next();
  const certificate = await renewed(100);
  const woken = changes.next();
  expect(await publishShared(here, rig.base, nickname, certificate, judge)).toBe('published');
  await woken;
  expect(shown(await readShared(there, rig.base, nickname))).toEqual(shown([certificate]));
  listening.abort();
});

it('two that publish at the same moment leave both values; every reader takes the same one, and the renewal master leaves only that', async () => {
  const [early, late] = [await renewed(200), await renewed(300)];
  await rig.cut();
  const directories = [await openDirectory(servers[0].config()), await openDirectory(servers[1].config())] as const;
  expect(
    await Promise.all([
      publishShared(directories[0], rig.base, nickname, late, judge),
      publishShared(directories[1], rig.base, nickname, early, judge),
    ]),
  ).toEqual(['published', 'published']);
  await rig.heal();
  await rig.inSync();
  for (const directory of directories) {
    const found = await readShared(directory, rig.base, nickname);
    expect(shown(found)).toEqual(shown([early, late]));
    expect(chooseShared(found, judge)?.serial).toEqual(late.serial);
  }
  expect(await tidyShared(here, rig.base, nickname, judge)).toBe(1);
  await rig.inSync();
  for (const directory of directories) expect(shown(await readShared(directory, rig.base, nickname))).toEqual(shown([late]));
  await Promise.all(directories.map((directory) => directory.close()));
});

it('two that add the entry at once make a hidden one, which is read all the same and removed', async () => {
  const [mine, theirs] = [await renewed(400), await renewed(500)];
  await rig.cut();
  expect(await publishShared(here, rig.base, 'new, one', mine, judge)).toBe('published');
  // The first to add keeps the name, so the later certificate is the one that gets hidden.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect(await publishShared(there, rig.base, 'new, one', theirs, judge)).toBe('published');
  await rig.heal();
  await rig.inSync();
  const count = async (server: DirectoryServer) =>
    ((await server.search('-b', renewalsDn(rig.base), '(&(objectClass=ldapSubEntry)(nsds5ReplConflict=*))', 'cn')).match(/^dn:/gmu) ?? [])
      .length;
  expect(await count(servers[0])).toBe(1);
  for (const directory of [here, there]) expect(shown(await readShared(directory, rig.base, 'new, one'))).toEqual(shown([mine, theirs]));
  expect(await publishShared(there, rig.base, 'new, one', mine, judge)).toBe('newer there');
  expect(await tidyShared(here, rig.base, 'new, one', judge)).toBe(2);
  await rig.inSync();
  for (const server of servers) {
    expect(await count(server)).toBe(0);
    expect(await server.search('-s', 'base', '-b', renewalDn(rig.base, 'new, one'), 'userCertificate')).toContain(
      Buffer.from(theirs.der).toString('base64'),
    );
  }
});

it("a Dogtag user whose description no longer is the latest certificate's is put right", async () => {
  const [early, late] = [await renewed(600), await renewed(700)];
  const other = await openDirectory(servers[1].config());
  await rig.cut();
  expect(await updatePkiUser(here, rig.pkiBase, late)).toBe('updated');
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect(await updatePkiUser(other, rig.pkiBase, early)).toBe('updated');
  await rig.heal();
  await rig.inSync();
  expect(await updatePkiUser(here, rig.pkiBase, late)).toBe('updated');
  await rig.inSync();
  for (const server of servers)
    expect((await server.search('-b', `uid=pkidbuser,ou=people,${rig.pkiBase}`, 'description')).match(/2;\d+;/gu)).toEqual([
      `2;${namesOf(late.der).serial};`,
    ]);
  await other.close();
});

it('two renewal masters set while neither hears the other are seen, and one again after setting it once more', async () => {
  const other = await openDirectory(servers[1].config());
  await setRenewalMaster(here, rig.base, 'ca1.example.test');
  await rig.inSync();
  await rig.cut();
  await setRenewalMaster(other, rig.base, 'ca2.example.test');
  await here.modify(`cn=CA,cn=ca1.example.test,cn=masters,cn=ipa,cn=etc,${rig.base}`, [
    { operation: 'delete', attribute: 'ipaConfigString', values: ['caRenewalMaster'] },
  ]);
  await setRenewalMaster(here, rig.base, 'ca1.example.test');
  await rig.heal();
  await rig.inSync();
  const masters = async () => (await listServers(other, rig.base)).filter(({ renewalMaster }) => renewalMaster).map(({ host }) => host);
  expect(await masters()).toEqual(['ca1.example.test', 'ca2.example.test']);
  await setRenewalMaster(here, rig.base, 'ca2.example.test');
  await rig.inSync();
  expect(await masters()).toEqual(['ca2.example.test']);
  await other.close();
});

it('a server killed and started again has lost nothing it had promised', async () => {
  const certificate = await renewed(800);
  expect(await publishShared(here, rig.base, nickname, certificate, judge)).toBe('published');
  await rig.kill(1);
  await expect(here.search({ base: rig.base, scope: 'base' })).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' });
  await rig.start(1);
  await rig.inSync();
  expect(shown(await readShared(there, rig.base, nickname))).toEqual(shown([certificate]));
});
