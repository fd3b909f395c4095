import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openDirectory } from '../../../src/directory/open.js';
import { createDirectoryIssuer } from '../../../src/issuer/directory/directory-issuer.js';
import { createSharedStore, type SharedStore } from '../../../src/issuer/directory/shared-store.js';
import { nameFromText } from '../../../src/x509/names/name-text.js';
import { startDirectoryServers, type DirectoryServers } from '../../rig/directory-server.js';
import { day, leafConstraints, makeCertificate, makeCsr, makeKeys } from '../../x509/material.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const nickname = 'subsystemCert cert-pki-ca';
let servers: DirectoryServers;
let store: SharedStore;
let replica: SharedStore;
beforeAll(async () => {
  servers = await startDirectoryServers();
  const config = servers.servers[0]!.config();
  store = createSharedStore(await openDirectory(config), config);
  replica = createSharedStore(await openDirectory(config), { ...config, host: 'ca2.example.test' });
});
afterAll(async () => {
  await store.close();
  await replica.close();
  await servers.stop();
});

describe('what the servers of one CA share, in a real directory', () => {
  it("who renews, the CA's name, what is trusted, and which lightweight CA has which id", async () => {
    expect([await store.isRenewalMaster(), await replica.isRenewalMaster(), await replica.hasRenewalMaster()]).toEqual([true, false, true]);
    const subject = await store.caSubject();
    expect(subject).toBe('CN=Certificate Authority,O=EXAMPLE.TEST');
    expect((await store.authorities()).map(({ der }) => Buffer.from(der))).toContainEqual(Buffer.from(servers.authority!.certificate.der));
    expect(await store.authorityId(nameFromText('CN=VPN,O=EXAMPLE.TEST'))).toBeUndefined();
    const [host = ''] =
      /[0-9a-f-]{36}/u.exec(
        await servers.servers[0]!.search('-b', `ou=authorities,ou=ca,${servers.pkiBase}`, '(objectClass=authority)', 'authorityID'),
      ) ?? [];
    await servers.servers[0]!.change(
      `dn: cn=vpn,ou=authorities,ou=ca,${servers.pkiBase}\nchangetype: add\nobjectClass: authority\ncn: vpn\nauthorityID: the-id\nauthorityKeyNickname: vpn\nauthorityEnabled: TRUE\nauthorityDN: CN=VPN,O=EXAMPLE.TEST\nauthorityParentID: ${host}\n`,
    );
    expect(await store.authorityId(nameFromText('CN=VPN,O=EXAMPLE.TEST'))).toBe('the-id');
    // The CA above them all is asked, never renewed as one of them.
    expect(await store.authorityId(nameFromText(subject!))).toBeUndefined();
  });
});

describe('a server that takes what another publishes', () => {
  const issuer = (random?: () => number) =>
    createDirectoryIssuer({ store: replica, nickname, clock: () => new Date(), ...(random === undefined ? {} : { random }) });

  it('waits forty seconds, give or take a fifth, and says for what', async () => {
    const [old] = await replica.read(nickname);
    const csr = await makeCsr({ keys: servers.subsystem!, subject: 'O=EXAMPLE.TEST, CN=CA Subsystem' });
    for (const [random, afterSeconds] of [
      [0, 32],
      [0.5, 40],
      [0.999, 48],
    ] as const) {
      expect(await issuer(() => random).enrol({ csr, oldCertificate: old!.der })).toEqual({
        pending: '',
        afterSeconds,
        message: `The renewal master has not published a new certificate for '${nickname}' yet: the one that is published is the one this server has.`,
      });
    }
  });

  it('takes nothing for a request its own key did not sign', async () => {
    const csr = Buffer.from(await makeCsr({ keys: servers.subsystem!, subject: 'O=EXAMPLE.TEST, CN=CA Subsystem' }));
    csr[csr.length - 1]! ^= 1;
    await expect(issuer().enrol({ csr })).rejects.toMatchObject({ code: 'CSR_SIGNATURE' });
  });

  it('takes nothing of another key, and the latest of its own', async () => {
    const { keys, certificate } = servers.authority!;
    const subject = 'O=EXAMPLE.TEST, CN=CA Subsystem';
    const make = (of: typeof keys, days: number, serial: string) =>
      makeCertificate({
        keys: of,
        subject,
        serial,
        by: { keys, certificate },
        notBefore: new Date(Date.now() - day),
        notAfter: new Date(Date.now() + days * day),
        extensions: [leafConstraints()],
      });
    const csr = await makeCsr({ keys: servers.subsystem!, subject });
    const [old] = await replica.read(nickname);
    const [foreign, sooner, later] = await Promise.all([
      make(await makeKeys(), 900, '20'),
      make(servers.subsystem!, 300, '21'),
      make(servers.subsystem!, 400, '22'),
    ]);
    const put = (...ders: Uint8Array[]) =>
      servers.servers[0]!.change(
        `dn: cn=${nickname},cn=ca_renewal,cn=ipa,cn=etc,${servers.base}\nchangetype: modify\nreplace: userCertificate\n${ders.map((der) => `userCertificate:: ${Buffer.from(der).toString('base64')}\n`).join('')}`,
      );
    await put(foreign.der);
    expect(await issuer().enrol({ csr, oldCertificate: old!.der })).toMatchObject({
      message: expect.stringContaining('nothing is published that has this key') as string,
    });
    await put(later.der, foreign.der, sooner.der, old!.der);
    const taken = await issuer().enrol({ csr, oldCertificate: old!.der });
    expect(Buffer.from('certificate' in taken ? taken.certificate : [])).toEqual(Buffer.from(later.der));
  });

  it('is tidied by the only renewal master: by no replica, and by none of two masters', async () => {
    const judge = {
      now: new Date(),
      spki: (await replica.read(nickname)).find(({ serial }) => Buffer.from(serial).at(-1) === 0x22)!.spki,
      authorities: await store.authorities(),
    };
    const second = (operation: 'add' | 'delete') =>
      servers.servers[0]!.change(
        `dn: cn=CA,cn=ca2.example.test,cn=masters,cn=ipa,cn=etc,${servers.base}\nchangetype: modify\n${operation}: ipaConfigString\nipaConfigString: caRenewalMaster\n`,
      );
    await second('add');
    expect([await store.tidy(nickname, judge), await replica.tidy(nickname, judge)]).toEqual([0, 0]);
    await second('delete');
    expect(await replica.tidy(nickname, judge)).toBe(0);
    expect(await replica.read(nickname)).toHaveLength(4);
    expect(await store.tidy(nickname, judge)).toBe(3);
    expect(await replica.read(nickname)).toHaveLength(1);
  });

  it('says so where nobody renews', async () => {
    await servers.servers[0]!.change(
      `dn: cn=CA,cn=ca1.example.test,cn=masters,cn=ipa,cn=etc,${servers.base}\nchangetype: modify\ndelete: ipaConfigString\nipaConfigString: caRenewalMaster\n`,
    );
    await expect(
      issuer().enrol({ csr: await makeCsr({ keys: await makeKeys(), subject: 'O=EXAMPLE.TEST, CN=CA Subsystem' }) }),
    ).rejects.toMatchObject({ code: 'MASTER_UNKNOWN' });
  });
});
