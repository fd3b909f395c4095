/** The definitions of FreeIPA's and Dogtag's schema that the rig's tree needs, with their own object identifiers. */

interface AttributeType {
  readonly oid: string;
  readonly name: string;
  readonly kind: 'text' | 'ia5' | 'octets' | 'oid' | 'boolean' | 'integer' | 'name';
  readonly single?: boolean;
}

const ipa = '2.16.840.1.113730.3.8';
const matching: Record<AttributeType['kind'], string> = {
  text: 'EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15',
  ia5: 'EQUALITY caseExactIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26',
  octets: 'EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40',
  oid: 'EQUALITY objectIdentifierMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.38',
  boolean: 'EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7',
  integer: 'EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27',
  name: 'EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12',
};

const attributeTypes: readonly AttributeType[] = [
  { oid: `${ipa}.3.4`, name: 'fqdn', kind: 'text' },
  { oid: `${ipa}.3.16`, name: 'ipaConfigString', kind: 'text' },
  { oid: `${ipa}.11.53`, name: 'ipaPublicKey', kind: 'octets' },
  { oid: `${ipa}.11.56`, name: 'ipaCertSubject', kind: 'text', single: true },
  { oid: `${ipa}.11.57`, name: 'ipaCertIssuerSerial', kind: 'text' },
  { oid: `${ipa}.11.58`, name: 'ipaKeyTrust', kind: 'text', single: true },
  { oid: `${ipa}.11.59`, name: 'ipaKeyUsage', kind: 'text' },
  { oid: `${ipa}.11.60`, name: 'ipaKeyExtUsage', kind: 'oid' },
  { oid: `${ipa}.21.1.6`, name: 'ipaCaId', kind: 'text' },
  { oid: `${ipa}.21.1.7`, name: 'ipaCaIssuerDN', kind: 'name' },
  { oid: `${ipa}.21.1.8`, name: 'ipaCaSubjectDN', kind: 'name' },
  { oid: `${ipa}.21.1.10`, name: 'ipaCaHSMConfiguration', kind: 'text', single: true },
  { oid: 'usertype-oid', name: 'usertype', kind: 'text' },
  { oid: 'userstate-oid', name: 'userstate', kind: 'text' },
  { oid: 'authorityID-oid', name: 'authorityID', kind: 'octets', single: true },
  { oid: 'authorityKeyNickname-oid', name: 'authorityKeyNickname', kind: 'ia5', single: true },
  { oid: 'authorityEnabled-oid', name: 'authorityEnabled', kind: 'boolean', single: true },
  { oid: 'authorityDN-oid', name: 'authorityDN', kind: 'name', single: true },
  { oid: 'authorityParentID-oid', name: 'authorityParentID', kind: 'octets', single: true },
  { oid: 'authoritySerial-oid', name: 'authoritySerial', kind: 'integer', single: true },
];

const objectClasses: readonly string[] = [
  `${ipa}.4.1 NAME 'ipaHost' AUXILIARY MUST fqdn MAY userPassword`,
  `${ipa}.4.13 NAME 'ipaConfigObject' AUXILIARY MAY ipaConfigString`,
  `${ipa}.12.27 NAME 'ipaCertificate' SUP top STRUCTURAL MUST ( cn $ ipaCertIssuerSerial $ ipaCertSubject $ ipaPublicKey ) MAY ipaConfigString`,
  `${ipa}.12.28 NAME 'ipaKeyPolicy' SUP top AUXILIARY MAY ( ipaKeyTrust $ ipaKeyUsage $ ipaKeyExtUsage )`,
  `${ipa}.21.2.3 NAME 'ipaCa' SUP top STRUCTURAL MUST ( cn $ ipaCaId $ ipaCaSubjectDN $ ipaCaIssuerDN ) MAY ( description $ ipaCaHSMConfiguration )`,
  "cmsuser-oid NAME 'cmsuser' SUP top STRUCTURAL MUST usertype MAY userstate",
  "authority-oid NAME 'authority' SUP top STRUCTURAL MUST ( cn $ authorityID $ authorityKeyNickname $ authorityEnabled $ authorityDN ) MAY ( authoritySerial $ authorityParentID $ description )",
];

/** A schema file of 389-ds. */
export function schemaLdif(): string {
  return [
    'dn: cn=schema',
    ...attributeTypes.map(
      ({ oid, name, kind, single = false }) =>
        `attributeTypes: ( ${oid} NAME '${name}' ${matching[kind]}${single ? ' SINGLE-VALUE' : ''} X-ORIGIN 'rig' )`,
    ),
    ...objectClasses.map((text) => `objectClasses: ( ${text} X-ORIGIN 'rig' )`),
    '',
  ].join('\n');
}
