"""A CRL by RFC 5280 5: a full one, of an issuer's own certificates, which is the only kind we make. deltaCRLIndicator, certificateIssuer and an indirect issuingDistributionPoint are findings."""
from certificate import check_authority_key_identifier
from der import decode, extensions_of, moment, schema_of, serial, time, whole_octets
from findings import Findings
from keys import algorithm
from names import check_name
from places import check_point_name
from pyasn1_modules import rfc5280

AKI, NUMBER, DELTA, IDP = "2.5.29.35", "2.5.29.20", "2.5.29.27", "2.5.29.28"
REASON, INVALIDITY, ISSUER = "2.5.29.21", "2.5.29.24", "2.5.29.29"
CRITICAL = {IDP: True, AKI: False, NUMBER: False, REASON: False, INVALIDITY: False}
# 7 is not used; 8 is for delta CRLs.
REASONS = (1, 2, 3, 4, 5, 6, 9, 10)


def lint(octets):
    findings = Findings()
    say = findings.append
    crl = decode(findings, "CRL", octets, rfc5280.CertificateList())
    if crl is None:
        return findings
    tbs = crl["tbsCertList"]
    if crl["signatureAlgorithm"] != tbs["signature"]:
        say("signatureAlgorithm: not the one in the tbsCertList (5.1.1.2)")
    algorithm(findings, "signatureAlgorithm", crl["signatureAlgorithm"])
    whole_octets(findings, crl["signature"])
    if not tbs["version"].hasValue() or int(tbs["version"]) != 1:
        say("version: not v2 (5.1.2.1)")
    check_name(findings, "issuer", tbs["issuer"])
    if len(tbs["issuer"].getComponent()) == 0:
        say("issuer: empty (5.1.2.3)")
    this = time(findings, "thisUpdate", tbs["thisUpdate"])
    if not tbs["nextUpdate"].hasValue():
        say("nextUpdate: missing (5.1.2.5)")
    elif time(findings, "nextUpdate", tbs["nextUpdate"]) <= this:
        say("nextUpdate: not after thisUpdate")
    if not tbs["crlExtensions"].hasValue():
        say("no extensions: neither authorityKeyIdentifier nor cRLNumber (5.2)")
    else:
        extensions = extensions_of(findings, "CRL", tbs["crlExtensions"])
        check_extensions(findings, extensions)
    if tbs["revokedCertificates"].hasValue():
        check_entries(findings, tbs["revokedCertificates"])
    return findings


def check_extensions(findings, extensions):
    say = findings.append
    values = read(findings, "CRL", extensions, (AKI, NUMBER, IDP))
    for oid, name in ((AKI, "authorityKeyIdentifier"), (NUMBER, "cRLNumber")):
        if oid not in extensions:
            say(f"{name}: missing (5.2)")
    if values.get(NUMBER) is not None and (int(values[NUMBER]) < 0 or int(values[NUMBER]).bit_length() // 8 + 1 > 20):
        say("cRLNumber: negative, or longer than 20 octets (5.2.3)")
    if values.get(AKI) is not None:
        check_authority_key_identifier(findings, values[AKI])
    if values.get(IDP) is not None:
        check_scope(findings, values[IDP])


def check_scope(findings, point):
    """RFC 5280 5.2.5."""
    say = findings.append
    only = [name for name in ("onlyContainsUserCerts", "onlyContainsCACerts", "onlyContainsAttributeCerts") if point[name]]
    if len(only) > 1:
        say("issuingDistributionPoint: more than one of the kinds it contains only")
    if point["indirectCRL"]:
        say("issuingDistributionPoint: an indirect CRL")
    if point["distributionPoint"].hasValue():
        check_point_name(findings, "issuingDistributionPoint", point["distributionPoint"])
    elif not only and not point["onlySomeReasons"].hasValue() and not point["indirectCRL"]:
        say("issuingDistributionPoint: says nothing")


def check_entries(findings, entries):
    say = findings.append
    if len(entries) == 0:
        say("revokedCertificates: there and empty (5.1.2.6)")
    seen = set()
    for entry in entries:
        number = int(entry["userCertificate"])
        what = f"entry {number:x}"
        serial(findings, what, entry["userCertificate"])
        if number in seen:
            say(f"{what}: twice")
        seen.add(number)
        time(findings, what, entry["revocationDate"])
        if entry["crlEntryExtensions"].hasValue():
            check_entry_extensions(findings, what, entry["crlEntryExtensions"])


def check_entry_extensions(findings, what, extensions):
    """Of an entry, and of an OCSP answer (RFC 6960 4.4.5)."""
    say = findings.append
    found = extensions_of(findings, what, extensions)
    values = read(findings, what, found, (REASON, INVALIDITY))
    if values.get(REASON) is not None and int(values[REASON]) not in REASONS:
        say(f"{what}: reasonCode {int(values[REASON])}, which is to be left out (0), for a delta CRL (8) or none (5.3.1)")
    if values.get(INVALIDITY) is not None:
        moment(findings, f"{what}: invalidityDate", values[INVALIDITY])


def read(findings, what, extensions, known):
    say = findings.append
    values = {}
    for oid, (critical, octets) in extensions.items():
        if oid not in known:
            say(f"{what}: extension {oid}, which does not belong here")
            continue
        values[oid] = decode(findings, f"{what}: extension {oid}", octets, schema_of(oid, rfc5280.certificateExtensionsMap))
        if critical != CRITICAL[oid]:
            say(f"{what}: extension {oid} {'critical' if critical else 'not critical'} (5.2, 5.3)")
    return values
