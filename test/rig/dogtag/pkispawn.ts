import { softHsmModule } from '../soft-token.js';
import { hostName } from './chroot.js';

/** Of everything in the rig that wants one; no secret. */
export const password = 'Secret.123';
export const tokenPin = 'Secret.HSM';
export const tokenLabel = 'softhsm_token';
export const subjectBase = 'O=EXAMPLE.TEST';
/** Below which Dogtag keeps its entries; FreeIPA's names. */
export const pkiBase = 'o=ipaca';
export const directoryPort = 3389;

/** dscreate's input. Its ldapi socket is below /run, open to root as the Directory Manager. */
export const directoryInf = `[general]
config_version = 2
full_machine_name = ${hostName}
start = True
strict_host_checking = False
[slapd]
instance_name = pki
port = ${String(directoryPort)}
root_password = ${password}
self_sign_cert = False
[backend-userroot]
create_suffix_entry = True
sample_entries = no
suffix = dc=example,dc=test
`;

/** What both subsystems' files begin with: names as FreeIPA gives them (install/share/ipaca_default.ini). */
const common = `[DEFAULT]
pki_instance_name=pki-tomcat
pki_hostname=${hostName}
pki_https_port=8443
pki_http_port=8080
pki_security_domain_name=IPA
pki_server_database_password=${password}
pki_hsm_enable=True
pki_hsm_libfile=${softHsmModule}
pki_hsm_modulename=softhsm2
pki_token_name=${tokenLabel}
pki_token_password=${tokenPin}
pki_sslserver_token=internal
pki_sslserver_nickname=Server-Cert cert-pki-ca
pki_sslserver_subject_dn=CN=${hostName},${subjectBase}
pki_subsystem_nickname=subsystemCert cert-pki-ca
pki_subsystem_subject_dn=CN=CA Subsystem,${subjectBase}
`;

const directory = (base: string) => `pki_ds_hostname=localhost
pki_ds_ldap_port=${String(directoryPort)}
pki_ds_password=${password}
pki_ds_base_dn=${base}
pki_ds_database=ipaca
`;

const admin = (name: string) => `pki_admin_uid=${name}
pki_admin_name=${name}
pki_admin_email=${name}@example.test
pki_admin_nickname=caadmin
pki_admin_password=${password}
pki_client_database_password=${password}
pki_client_database_purge=False
pki_client_pkcs12_password=${password}
`;

/** `caProfile`: the file that makes the CA's own certificate, in place of Dogtag's. */
export const caConfig = (caProfile?: string): string => `${common}
[CA]
${admin('caadmin')}${directory(pkiBase)}pki_admin_subject_dn=CN=ipa-ca-agent,${subjectBase}
pki_ca_signing_nickname=caSigningCert cert-pki-ca
pki_ca_signing_subject_dn=CN=Certificate Authority,${subjectBase}
pki_ocsp_signing_nickname=ocspSigningCert cert-pki-ca
pki_ocsp_signing_subject_dn=CN=OCSP Subsystem,${subjectBase}
pki_audit_signing_nickname=auditSigningCert cert-pki-ca
pki_audit_signing_subject_dn=CN=CA Audit,${subjectBase}
${caProfile === undefined ? '' : `pki_source_cacert_profile=${caProfile}\n`}`;

/** Every token is named again: what is left out counts as none, and the self test then disables the KRA. */
export const kraConfig = `${common}pki_security_domain_user=caadmin
pki_security_domain_password=${password}
[KRA]
${admin('kraadmin')}${directory(`o=kra,${pkiBase}`)}pki_ds_create_new_db=False
pki_share_db=False
pki_import_admin_cert=True
pki_admin_cert_file=/root/.dogtag/pki-tomcat/ca_admin.cert
pki_storage_nickname=storageCert cert-pki-kra
pki_storage_subject_dn=CN=KRA Storage Certificate,${subjectBase}
pki_transport_nickname=transportCert cert-pki-kra
pki_transport_subject_dn=CN=KRA Transport Certificate,${subjectBase}
pki_audit_signing_nickname=auditSigningCert cert-pki-kra
pki_audit_signing_subject_dn=CN=KRA Audit,${subjectBase}
pki_storage_token=${tokenLabel}
pki_transport_token=${tokenLabel}
pki_audit_signing_token=${tokenLabel}
pki_subsystem_token=${tokenLabel}
`;
