import { X509Certificate } from 'node:crypto';

/** What stands in the tree at first. */
export interface TreeOptions {
  readonly base: string;
  readonly pkiBase: string;
  /** The IPA CA's certificate, DER. */
  readonly ca: Uint8Array;
  /** Published below cn=ca_renewal; `subsystemCert cert-pki-ca` and `ipaCert` are those of Dogtag's users too. */
  readonly certificates: readonly { readonly nickname: string; readonly der: Uint8Array }[];
  /** Servers with a CA. */
  readonly hosts: readonly string[];
  /** Those of them with a KRA. */
  readonly kra: readonly string[];
  readonly renewalMaster: string;
  readonly hostPassword: string;
  /** ipaCaHSMConfiguration. */
  readonly hsm: string;
}

type Values = Readonly<Record<string, readonly (string | Uint8Array)[]>>;

/** One record of an LDIF; `changetype: add` where it is for ldapmodify. */
export function record(dn: string, values: Values): string {
  const lines = Object.entries(values).flatMap(([attribute, all]) =>
    all.map((value) => `${attribute}:: ${Buffer.from(value as Uint8Array).toString('base64')}`),
  );
  return [`dn: ${dn}`, 'changetype: add', ...lines, '', ''].join('\n');
}

/** Names as FreeIPA and Dogtag write them; from OpenSSL's reading, not ours. */
export function namesOf(der: Uint8Array): { readonly subject: string; readonly issuer: string; readonly serial: string } {
  const certificate = new X509Certificate(der);
  const text = (name: string) => name.split('\n').reverse().join(',');
  return {
    subject: text(certificate.subject),
    issuer: text(certificate.issuer),
    serial: BigInt(`0x${certificate.serialNumber}`).toString(),
  };
}

export const hostDn = (base: string, host: string): string => `fqdn=${host},cn=computers,cn=accounts,${base}`;

/**
 * FreeIPA's tree in the parts that renewal reads and writes, with the two permissions its servers have there (40-delegation.update), and
 * Dogtag's users and authorities.
 */
export function treeLdif({ base, pkiBase, ca, certificates, hosts, kra, renewalMaster, hostPassword, hsm }: TreeOptions): string {
  const etc = `cn=ipa,cn=etc,${base}`;
  const servers = `cn=ipaservers,cn=hostgroups,cn=accounts,${base}`;
  const authority = namesOf(ca);
  const caId = '5d0b1a52-7c1e-4f0e-8d6a-3f6d1a0b9c11';
  const container = (relative: string) =>
    record(`${relative},${base}`, { objectClass: ['top', 'nsContainer'], cn: [relative.split(',')[0]?.slice(3) ?? ''] });
  const service = (name: string, host: string, ...more: string[]) =>
    record(`cn=${name},cn=${host},cn=masters,${etc}`, {
      objectClass: ['top', 'nsContainer', 'ipaConfigObject'],
      cn: [name],
      ipaConfigString: ['enabledService', 'startOrder 50', ...more],
    });
  const published = (nickname: string) => certificates.find((one) => one.nickname === nickname);
  const user = (uid: string, nickname: string, below = pkiBase) => {
    const certificate = published(nickname);
    if (certificate === undefined) return '';
    const { subject, issuer, serial } = namesOf(certificate.der);
    return record(`uid=${uid},ou=people,${below}`, {
      objectClass: ['top', 'person', 'organizationalPerson', 'inetOrgPerson', 'cmsuser'],
      uid: [uid],
      cn: [uid],
      sn: [uid],
      usertype: ['agentType'],
      userstate: ['1'],
      description: [`2;${serial};${issuer};${subject}`],
      userCertificate: [certificate.der],
    });
  };
  const unit = (relative: string) =>
    record(`${relative},${pkiBase}`, { objectClass: ['top', 'organizationalUnit'], ou: [relative.split(',')[0]?.slice(3) ?? ''] });

  return [
    // FreeIPA grants reading piece by piece; here whoever has bound reads all.
    record(base, {
      objectClass: ['top', 'domain'],
      dc: [base.split(',')[0]?.slice(3) ?? ''],
      aci: [
        '(targetattr != "userPassword || aci")(version 3.0; acl "whoever has bound reads"; allow (read, search, compare) userdn = "ldap:///all";)',
      ],
    }),
    ...[
      'cn=accounts',
      'cn=computers,cn=accounts',
      'cn=hostgroups,cn=accounts',
      'cn=etc',
      'cn=ipa,cn=etc',
      'cn=masters,cn=ipa,cn=etc',
      'cn=ca',
      'cn=cas,cn=ca',
      'cn=certificates,cn=ipa,cn=etc',
    ].map(container),
    record(`cn=ca_renewal,${etc}`, {
      objectClass: ['top', 'nsContainer'],
      cn: ['ca_renewal'],
      aci: [
        `(target = "ldap:///cn=*,cn=ca_renewal,${etc}")(version 3.0; acl "servers add"; allow (add) groupdn = "ldap:///${servers}";)`,
        `(target = "ldap:///cn=*,cn=ca_renewal,${etc}")(targetattr = "userCertificate")(version 3.0; acl "servers renew"; allow (write) groupdn = "ldap:///${servers}";)`,
      ],
    }),
    ...hosts.flatMap((host) => [
      record(hostDn(base, host), { objectClass: ['top', 'device', 'ipaHost'], cn: [host], fqdn: [host], userPassword: [hostPassword] }),
      record(`cn=${host},cn=masters,${etc}`, { objectClass: ['top', 'nsContainer', 'ipaConfigObject'], cn: [host] }),
      service('CA', host, ...(host === renewalMaster ? ['caRenewalMaster'] : [])),
      ...(kra.includes(host) ? [service('KRA', host)] : []),
    ]),
    record(servers, { objectClass: ['top', 'groupOfNames'], cn: ['ipaservers'], member: hosts.map((host) => hostDn(base, host)) }),
    record(`cn=ipa,cn=cas,cn=ca,${base}`, {
      objectClass: ['top', 'ipaCa'],
      cn: ['ipa'],
      ipaCaId: [caId],
      ipaCaSubjectDN: [authority.subject],
      ipaCaIssuerDN: [authority.issuer],
      ipaCaHSMConfiguration: [hsm],
    }),
    record(`cn=EXAMPLE.TEST IPA CA,cn=certificates,${etc}`, {
      objectClass: ['top', 'ipaCertificate', 'pkiCA', 'ipaKeyPolicy'],
      cn: ['EXAMPLE.TEST IPA CA'],
      ipaCertSubject: [authority.subject],
      ipaCertIssuerSerial: [`${authority.issuer};${authority.serial}`],
      ipaPublicKey: [new X509Certificate(ca).publicKey.export({ type: 'spki', format: 'der' })],
      ipaKeyTrust: ['trusted'],
      ipaKeyExtUsage: ['1.3.6.1.5.5.7.3.1'],
      ipaConfigString: ['ipaCA', 'compatCA'],
      'cACertificate;binary': [ca],
    }),
    record(`cn=CAcert,${etc}`, { objectClass: ['top', 'nsContainer', 'pkiCA'], cn: ['CAcert'], 'cACertificate;binary': [ca] }),
    ...certificates.map(({ nickname, der }) =>
      record(`cn=${nickname},cn=ca_renewal,${etc}`, {
        objectClass: ['top', 'pkiUser', 'nsContainer'],
        cn: [nickname],
        userCertificate: [der],
      }),
    ),
    record(pkiBase, {
      objectClass: ['top', 'organization'],
      o: [pkiBase.slice(2)],
      aci: [
        '(targetattr != "userPassword || aci")(version 3.0; acl "whoever has bound reads"; allow (read, search, compare) userdn = "ldap:///all";)',
      ],
    }),
    ...['ou=people', 'ou=ca', 'ou=authorities,ou=ca'].map(unit),
    user('pkidbuser', 'subsystemCert cert-pki-ca'),
    user('ipara', 'ipaCert'),
    ...(kra.length === 0
      ? []
      : [
          record(`o=kra,${pkiBase}`, { objectClass: ['top', 'organization'], o: ['kra'] }),
          unit('ou=people,o=kra'),
          user('pkidbuser', 'subsystemCert cert-pki-ca', `o=kra,${pkiBase}`),
          user('ipara', 'ipaCert', `o=kra,${pkiBase}`),
        ]),
    record(`cn=${caId},ou=authorities,ou=ca,${pkiBase}`, {
      objectClass: ['top', 'authority'],
      cn: [caId],
      authorityID: [caId],
      authorityKeyNickname: ['caSigningCert cert-pki-ca'],
      authorityEnabled: ['TRUE'],
      authorityDN: [authority.subject],
      authoritySerial: [authority.serial],
    }),
  ].join('');
}
