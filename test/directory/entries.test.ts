import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishCaCertificate, readCaCertificates } from '../../src/directory/ca-certificates.js';
import { readCaEntry } from '../../src/directory/ca-entry.js';
import type { Directory } from '../../src/directory/directory.js';
import { openDirectory } from '../../src/directory/open.js';
import { authorityState, pkiUserState, updateAuthoritySerial, updatePkiUser } from '../../src/directory/pki-users.js';
import { isRenewalMaster, listServers, setRenewalMaster } from '../../src/directory/servers.js';
import { chooseShared, publishShared, readShared, tidyShared, type Judge } from '../../src/directory/shared-certificates.js';
import { caCertDn, caServiceDn, certificatesDn, renewalDn } from '../../src/directory/tree.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { startDirectoryServers, type DirectoryServer, type DirectoryServers } from '../rig/directory-server.js';
import { namesOf } from '../rig/directory-server-tree.js';
import { caExtensions, day, hex, leafConstraints, makeCertificate, makeKeys, type Keys } from '../x509/material.js';

const nickname = 'subsystemCert cert-pki-ca';
let rig: DirectoryServers;
let server: DirectoryServer;
/** As root over ldapi, and as the server's own host entry. */
let root: Directory;
let host: Directory;
let authority: { readonly keys: Keys; readonly certificate: Certificate };
let keys: Keys;
let judge: Judge;
let serial = 16;

beforeAll(async () => {
  rig = await startDirectoryServers({ hosts: ['ca1.example.test', 'ca2.example.test', 'ca3.example.test'], kra: ['ca2.example.test'] });
  server = rig.servers[0]!;
  [root, host] = [await openDirectory(server.config()), await openDirectory(server.config(server.hostBind(), 'ldaps'))];
  [authority, keys] = [rig.authority!, rig.subsystem!];
  judge = { now: new Date(), spki: keys.spki, authorities: [authority.certificate] };
});
afterAll(async () => {
  await Promise.all([root.close(), host.close()]);
  await rig.stop();
});

/** A subsystem certificate that ends in so many days. */
function renewed(
  days: number,
  {
    by = authority,
    of = keys,
    subject = 'O=EXAMPLE.TEST, CN=CA Subsystem',
    since = 1,
  }: { by?: typeof authority; of?: Keys; subject?: string; since?: number } = {},
): Promise<Certificate> {
  return makeCertificate({
    keys: of,
    subject,
    by,
    serial: (serial++).toString(16).padStart(2, '0'),
    notBefore: new Date(Date.now() - since * day),
    notAfter: new Date(Date.now() + days * day),
    extensions: [leafConstraints()],
  });
}
const b64 = (der: Uint8Array) => Buffer.from(der).toString('base64');
const values = async (dn: string, attribute: string) =>
  [...(await server.search('-s', 'base', '-b', dn, attribute)).matchAll(new RegExp(`^${attribute}:(:?) (.*)$`, 'gimu'))]
    .map(([, encoded, value]) => (encoded === ':' ? value! : b64(Buffer.from(value!))))
    .sort();
const texts = async (dn: string, attribute: string) =>
  (await values(dn, attribute)).map((value) => Buffer.from(value, 'base64').toString()).sort();
const put = (dn: string, change: string) => server.change(`dn: ${dn}\nchangetype: modify\n${change}\n\n`);

describe('which shared certificate counts', () => {
  it('is the latest with the right key and a valid chain, in whatever order they come', async () => {
    const stranger = await makeKeys();
    const strangers = {
      keys: stranger,
      certificate: await makeCertificate({
        keys: stranger,
        subject: 'O=EXAMPLE.TEST, CN=Certificate Authority',
        notBefore: new Date(0),
        notAfter: new Date(Date.now() + 9000 * day),
        extensions: caExtensions('bb'.repeat(20)),
      }),
    };
    const good = await renewed(100);
    const twin = await makeCertificate({
      keys,
      subject: 'O=EXAMPLE.TEST, CN=CA Subsystem',
      by: authority,
      serial: '7f',
      notBefore: good.notBefore,
      notAfter: good.notAfter,
      extensions: [leafConstraints()],
    });
    const others = [
      await renewed(50),
      await renewed(-1, { since: 900 }),
      await renewed(200, { of: stranger }),
      await renewed(300, { by: strangers }),
      await renewed(400, { since: -2 }),
    ];
    for (const candidates of [
      [good, ...others],
      [...others, good],
      [...others.toReversed(), good],
    ])
      expect(chooseShared(candidates, judge)).toBe(good);
    expect(chooseShared(others.slice(1), judge)).toBeUndefined();
    expect(chooseShared([], judge)).toBeUndefined();
    // Two that end together: the same one for every reader.
    expect(chooseShared([good, twin], judge)).toBe(chooseShared([twin, good], judge));
  });
});

describe('shared certificates', () => {
  const dn = () => renewalDn(rig.base, nickname);

  it('are published by the host entry in place of the old one, once, and never over a later one', async () => {
    const [old, newer] = [await renewed(500), await renewed(700)];
    expect(await publishShared(host, rig.base, nickname, newer, judge)).toBe('published');
    expect(await values(dn(), 'userCertificate')).toEqual([b64(newer.der)]);
    expect(await publishShared(host, rig.base, nickname, newer, judge)).toBe('already there');
    expect(await publishShared(host, rig.base, nickname, old, judge)).toBe('newer there');
    expect(await values(dn(), 'userCertificate')).toEqual([b64(newer.der)]);
  });

  it('are not published when nobody would take them', async () => {
    const before = await values(dn(), 'userCertificate');
    for (const bad of [await renewed(900, { of: await makeKeys() }), await renewed(-1, { since: 900 })]) {
      await expect(publishShared(host, rig.base, nickname, bad, judge)).rejects.toMatchObject({ code: 'ISSUED_WRONG' });
    }
    expect(await values(dn(), 'userCertificate')).toEqual(before);
  });

  it('get an entry of their own where there is none, with a name that needs escaping', async () => {
    const odd = 'a, "b" +c=d';
    const certificate = await renewed(100);
    expect(await publishShared(host, rig.base, odd, certificate, judge)).toBe('published');
    expect((await readShared(host, rig.base, odd)).map(({ der }) => hex(der))).toEqual([hex(certificate.der)]);
    expect(
      (await server.search('-b', `cn=ca_renewal,cn=ipa,cn=etc,${rig.base}`, `(cn=${odd})`, 'objectClass'))
        .match(/objectClass: \w+/gu)
        ?.sort(),
    ).toEqual(['objectClass: nsContainer', 'objectClass: pkiUser', 'objectClass: top']);
    expect(await readShared(host, rig.base, 'nobody')).toEqual([]);
  });

  it('are found among garbage and in both attributes, and what lost is removed', async () => {
    const [best, lost] = [await renewed(800), await renewed(600)];
    await put(
      dn(),
      `replace: userCertificate\nuserCertificate: garbage\nuserCertificate:: ${b64(Buffer.from([0x30, 0x80]))}\nuserCertificate:: ${b64(lost.der)}\n-\nadd: userCertificate;binary\nuserCertificate;binary:: ${b64(best.der)}`,
    );
    expect((await readShared(host, rig.base, nickname)).map(({ der }) => hex(der)).sort()).toEqual([hex(best.der), hex(lost.der)].sort());
    expect(await publishShared(host, rig.base, nickname, lost, judge)).toBe('newer there');
    expect(await tidyShared(root, rig.base, nickname, judge)).toBe(4);
    expect(await values(dn(), 'userCertificate')).toEqual([b64(best.der)]);
    expect(await values(dn(), 'userCertificate;binary')).toEqual([]);
    expect(await tidyShared(root, rig.base, nickname, judge)).toBe(0);
  });

  it('stay as they are where none counts', async () => {
    await put(dn(), 'replace: userCertificate\nuserCertificate: garbage');
    expect(await tidyShared(root, rig.base, nickname, judge)).toBe(0);
    expect(await texts(dn(), 'userCertificate')).toEqual(['garbage']);
  });

  it('are read again when somebody is quicker between reading and writing', async () => {
    const [ours, theirs] = [await renewed(900), await renewed(850)];
    let interfered = false;
    const slow: Directory = {
      ...host,
      modify: async (target, modifications) => {
        if (!interfered) await put(dn(), `replace: userCertificate\nuserCertificate:: ${b64(theirs.der)}`);
        interfered = true;
        return host.modify(target, modifications);
      },
    };
    expect(await publishShared(slow, rig.base, nickname, ours, judge)).toBe('published');
    expect(await values(dn(), 'userCertificate')).toEqual([b64(ours.der)]);
  });

  it('end with DIRECTORY_CHANGED when somebody always is', async () => {
    const certificate = await renewed(950);
    let count = 0;
    const slow: Directory = {
      ...host,
      modify: async (target, modifications) => {
        await put(dn(), `replace: userCertificate\nuserCertificate: ${String(count++)}`);
        return host.modify(target, modifications);
      },
    };
    await expect(publishShared(slow, rig.base, nickname, certificate, judge)).rejects.toMatchObject({ code: 'DIRECTORY_CHANGED' });
    expect(count).toBe(4);
  });

  it('say so when the write is lost right away', async () => {
    const certificate = await renewed(950);
    const vain: Directory = { ...host, modify: () => Promise.resolve() };
    await expect(publishShared(vain, rig.base, nickname, certificate, judge)).rejects.toMatchObject({ code: 'DIRECTORY_CHANGED' });
  });
});

describe("the CA's entry", () => {
  it('tells subject and HSM', async () => {
    expect(await readCaEntry(host, rig.base)).toEqual({
      subject: 'CN=Certificate Authority,O=EXAMPLE.TEST',
      hsm: { token: 'softhsm_token', library: '/usr/lib/softhsm/libsofthsm2.so' },
    });
    expect(await readCaEntry(host, 'dc=elsewhere')).toBeUndefined();
  });
});

describe('the renewal master', () => {
  it('is one of the servers', async () => {
    await put(caServiceDn(rig.base, 'ca3.example.test'), 'delete: ipaConfigString\nipaConfigString: enabledService');
    expect(await listServers(host, rig.base)).toEqual([
      { host: 'ca1.example.test', ca: true, kra: false, renewalMaster: true },
      { host: 'ca2.example.test', ca: true, kra: true, renewalMaster: false },
      { host: 'ca3.example.test', ca: false, kra: false, renewalMaster: false },
    ]);
    expect(await isRenewalMaster(host, rig.base, 'ca1.example.test')).toBe(true);
    expect(await isRenewalMaster(host, rig.base, 'CA2.example.test')).toBe(false);
    expect(await isRenewalMaster(host, rig.base, 'elsewhere.example.test')).toBe(false);
  });

  it('is another after it was set, whatever the spelling of the old one, and setting it again changes nothing', async () => {
    await put(
      caServiceDn(rig.base, 'ca1.example.test'),
      'delete: ipaConfigString\nipaConfigString: caRenewalMaster\n-\nadd: ipaConfigString\nipaConfigString: CARENEWALMASTER',
    );
    for (let twice = 0; twice < 2; twice++) {
      await setRenewalMaster(root, rig.base, 'ca2.example.test');
      expect(await texts(caServiceDn(rig.base, 'ca1.example.test'), 'ipaConfigString')).toEqual(['enabledService', 'startOrder 50']);
      expect(await texts(caServiceDn(rig.base, 'ca2.example.test'), 'ipaConfigString')).toEqual([
        'caRenewalMaster',
        'enabledService',
        'startOrder 50',
      ]);
    }
    expect((await listServers(root, rig.base)).filter(({ renewalMaster }) => renewalMaster).map(({ host: name }) => name)).toEqual([
      'ca2.example.test',
    ]);
  });

  it('is never a server without a CA, nor set by somebody who may not', async () => {
    await expect(setRenewalMaster(root, rig.base, 'elsewhere.example.test')).rejects.toMatchObject({ code: 'MASTER_UNKNOWN' });
    await expect(setRenewalMaster(host, rig.base, 'ca1.example.test')).rejects.toMatchObject({ code: 'DIRECTORY_REFUSED' });
    expect(await isRenewalMaster(root, rig.base, 'ca2.example.test')).toBe(true);
  });

  it('is the one that was set though another was made it in between', async () => {
    let interfered = false;
    const slow: Directory = {
      ...root,
      modify: async (target, modifications) => {
        await root.modify(target, modifications);
        if (!interfered) await put(caServiceDn(rig.base, 'ca3.example.test'), 'add: ipaConfigString\nipaConfigString: caRenewalMaster');
        interfered = true;
      },
    };
    await setRenewalMaster(slow, rig.base, 'ca1.example.test');
    expect((await listServers(root, rig.base)).filter(({ renewalMaster }) => renewalMaster).map(({ host: name }) => name)).toEqual([
      'ca1.example.test',
    ]);
  });
});

describe('the CA certificate', () => {
  const entryDn = () => `cn=EXAMPLE.TEST IPA CA,${certificatesDn(rig.base)}`;
  const caOf = (days: number, of = authority.keys, subject = 'O=EXAMPLE.TEST, CN=Certificate Authority') =>
    makeCertificate({
      keys: of,
      subject,
      serial: (serial++).toString(16).padStart(2, '0'),
      notBefore: new Date(Date.now() - day),
      notAfter: new Date(Date.now() + days * day),
      extensions: caExtensions(),
    });

  it('is one more value of its entry and the one of cn=CAcert, once', async () => {
    const first = authority.certificate;
    const next = await caOf(4000);
    for (let twice = 0; twice < 2; twice++) {
      await publishCaCertificate(root, rig.base, next);
      expect(await values(caCertDn(rig.base), 'cACertificate;binary')).toEqual([b64(next.der)]);
      expect(await values(entryDn(), 'cACertificate;binary')).toEqual([b64(first.der), b64(next.der)].sort());
      expect(await texts(entryDn(), 'ipaCertIssuerSerial')).toEqual(
        [first, next].map(({ der }) => `CN=Certificate Authority,O=EXAMPLE.TEST;${namesOf(der).serial}`).sort(),
      );
      expect(await values(entryDn(), 'ipaPublicKey')).toEqual([b64(first.spki)]);
    }
    expect((await readCaCertificates(host, rig.base)).map(({ der }) => hex(der)).sort()).toEqual(
      [first, next].map(({ der }) => hex(der)).sort(),
    );
  });

  it('stays in cn=CAcert when an older one comes late', async () => {
    const [before] = await values(caCertDn(rig.base), 'cACertificate;binary');
    await publishCaCertificate(root, rig.base, await caOf(3500));
    expect(await values(caCertDn(rig.base), 'cACertificate;binary')).toEqual([before]);
  });

  it("is refused when it is nobody's there", async () => {
    const stranger = await caOf(4000, await makeKeys(), 'O=ELSEWHERE, CN=Certificate Authority');
    await expect(publishCaCertificate(root, rig.base, stranger)).rejects.toMatchObject({ code: 'DIRECTORY_INVALID' });
    expect((await readCaCertificates(host, rig.base)).some(({ der }) => hex(der) === hex(stranger.der))).toBe(false);
  });

  it('of a key that is not to be trusted is not read, and garbage is not in the way', async () => {
    await put(entryDn(), 'replace: ipaKeyTrust\nipaKeyTrust: distrusted');
    await put(caCertDn(rig.base), 'add: cACertificate;binary\ncACertificate;binary: garbage');
    expect(await readCaCertificates(host, rig.base)).toHaveLength(1);
  });
});

describe("Dogtag's entries", () => {
  const user = () => `uid=pkidbuser,ou=people,${rig.pkiBase}`;

  it("name the new certificate's serial number and hold it beside the old ones, once", async () => {
    const before = await values(user(), 'userCertificate');
    const certificate = await renewed(1000);
    expect(await pkiUserState(root, rig.pkiBase, certificate)).toBe('stale');
    expect(await updatePkiUser(root, rig.pkiBase, certificate)).toBe('updated');
    expect(await updatePkiUser(root, rig.pkiBase, certificate)).toBe('already there');
    expect(await pkiUserState(root, rig.pkiBase, certificate)).toBe('current');
    expect(await texts(user(), 'description')).toEqual([
      `2;${namesOf(certificate.der).serial};CN=Certificate Authority,O=EXAMPLE.TEST;CN=CA Subsystem,O=EXAMPLE.TEST`,
    ]);
    expect(await values(user(), 'userCertificate')).toEqual([...before, b64(certificate.der)].sort());
    // The KRA's user of the same certificate.
    const inKra = `uid=pkidbuser,ou=people,o=kra,${rig.pkiBase}`;
    expect(await texts(inKra, 'description')).toEqual(await texts(user(), 'description'));
    expect(await values(inKra, 'userCertificate')).toEqual(await values(user(), 'userCertificate'));
  });

  it("keep Dogtag's spelling of the names, and are put right when two writes left the wrong number or both", async () => {
    const certificate = await renewed(1100);
    await put(
      user(),
      'replace: description\ndescription: 2;4;CN=Certificate Authority, O=EXAMPLE.TEST;CN=CA Subsystem, O=EXAMPLE.TEST\ndescription: 2;5;CN=Certificate Authority, O=EXAMPLE.TEST;CN=CA Subsystem, O=EXAMPLE.TEST\ndescription: a note',
    );
    expect(await updatePkiUser(root, rig.pkiBase, certificate)).toBe('updated');
    expect(await texts(user(), 'description')).toEqual([
      `2;${namesOf(certificate.der).serial};CN=Certificate Authority, O=EXAMPLE.TEST;CN=CA Subsystem, O=EXAMPLE.TEST`,
      'a note',
    ]);
    // An older one that comes late is kept as a value, and the number stays the latest's.
    expect(await updatePkiUser(root, rig.pkiBase, await renewed(1050))).toBe('updated');
    expect(await texts(user(), 'description')).toHaveLength(2);
    expect((await texts(user(), 'description'))[0]).toContain(`2;${namesOf(certificate.der).serial};`);
  });

  it("are nobody else's", async () => {
    expect(await updatePkiUser(root, rig.pkiBase, await renewed(10, { subject: 'O=EXAMPLE.TEST, CN=Somebody' }))).toBe('no such user');
    expect(await pkiUserState(root, rig.pkiBase, await renewed(10, { subject: 'O=EXAMPLE.TEST, CN=Somebody' }))).toBe('none');
    expect(await authorityState(root, rig.pkiBase, await renewed(10))).toBe('none');
    expect(await updateAuthoritySerial(root, rig.pkiBase, await renewed(10))).toBe('no such authority');
    await expect(updatePkiUser(host, rig.pkiBase, await renewed(1200))).rejects.toMatchObject({ code: 'DIRECTORY_REFUSED' });
  });

  it("have the CA certificate's serial number", async () => {
    const next = await makeCertificate({
      keys: authority.keys,
      subject: 'O=EXAMPLE.TEST, CN=Certificate Authority',
      serial: '00f123456789abcdef0123456789abcdef',
      notBefore: new Date(Date.now() - day),
      notAfter: new Date(Date.now() + 4000 * day),
      extensions: caExtensions(),
    });
    expect(await authorityState(root, rig.pkiBase, next)).toBe('stale');
    expect(await updateAuthoritySerial(root, rig.pkiBase, next)).toBe('updated');
    expect(await updateAuthoritySerial(root, rig.pkiBase, next)).toBe('already there');
    expect(await authorityState(root, rig.pkiBase, next)).toBe('current');
    expect(
      await server.search(
        '-b',
        `ou=authorities,ou=ca,${rig.pkiBase}`,
        '(authorityDN=CN=Certificate Authority,O=EXAMPLE.TEST)',
        'authoritySerial',
      ),
    ).toContain(`authoritySerial: ${namesOf(next.der).serial}\n`);
  });
});
