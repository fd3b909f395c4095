"""What the retrieve path of FreeIPA's helper does, with its libraries: ldap and cryptography. Arguments: LDAP URI, suffix, host, nickname."""
import os
import sys

import ldap
import ldap.sasl
from cryptography import x509
from cryptography.hazmat.primitives import serialization

uri, base, host, nickname = sys.argv[1:]
csr = x509.load_pem_x509_csr(os.environ['CERTMONGER_CSR'].encode())
old = x509.load_pem_x509_certificate(os.environ['CERTMONGER_CERTIFICATE'].encode())
connection = ldap.initialize(uri)
connection.sasl_interactive_bind_s('', ldap.sasl.external())
connection.search_s('cn=ipa,cn=cas,cn=ca,' + base, ldap.SCOPE_BASE, attrlist=['ipaCaSubjectDN'])
masters = 'cn=CA,cn=%s,cn=masters,cn=ipa,cn=etc,%s' % (host, base)
assert connection.search_s(masters, ldap.SCOPE_SUBTREE, '(ipaConfigString=caRenewalMaster)', ['1.1']) == []
[(_dn, entry)] = connection.search_s('cn=%s,cn=ca_renewal,cn=ipa,cn=etc,%s' % (nickname, base), ldap.SCOPE_BASE, attrlist=['userCertificate'])
new = x509.load_der_x509_certificate(entry['userCertificate'][0])
assert csr.subject == new.subject and new != old
sys.stdout.write(new.public_bytes(serialization.Encoding.PEM).decode())
connection.unbind_s()
