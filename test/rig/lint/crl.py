"""A CRL by RFC 5280 5."""
from der import algorithm, decode, extensions_of, schema_of, serial, time
from names import check_name
from pyasn1_modules import rfc5280

AKI, NUMBER, DELTA, IDP = "2.5.29.35", "2.5.29.20", "2.5.29.27", "2.5.29.28"
REASON, INVALIDITY, ISSUER = "2.5.29.21", "2.5.29.24", "2.5.29.29"
CRITICAL = {DELTA: True, IDP: True, AKI: False, NUMBER: False, REASON: False, INVALIDITY: False, ISSUER: True}


def lint(octets):
    findings = []
    say = findings.append
    crl = decode(findings, "CRL", octets, rfc5280.CertificateList())
    if crl is None:
        return findings
    tbs = crl["tbsCertList"]
    if crl["signatureAlgorithm"] != tbs["signature"]:
        say("signatureAlgorithm: not the one in the tbsCertList (5.1.1.2)")
    algorithm(findings, "signatureAlgorithm", crl["signatureAlgorithm"])
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
        extensions = {}
    else:
        extensions = extensions_of(findings, "CRL", tbs["crlExtensions"])
        values = read(findings, "CRL", extensions)
        for oid, name in ((AKI, "authorityKeyIdentifier"), (NUMBER, "cRLNumber")):
            if oid not in extensions:
                say(f"{name}: missing (5.2)")
        if values.get(NUMBER) is not None and (int(values[NUMBER]) < 0 or int(values[NUMBER]).bit_length() // 8 + 1 > 20):
            say("cRLNumber: negative, or longer than 20 octets (5.2.3)")
        if values.get(AKI) is not None and not values[AKI]["keyIdentifier"].hasValue():
            say("authorityKeyIdentifier: no keyIdentifier (5.2.1)")
    if tbs["revokedCertificates"].hasValue():
        check_entries(findings, tbs["revokedCertificates"], DELTA in extensions)
    return findings


def check_entries(findings, entries, delta):
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
        if not entry["crlEntryExtensions"].hasValue():
            continue
        values = read(findings, what, extensions_of(findings, what, entry["crlEntryExtensions"]))
        reason = None if values.get(REASON) is None else int(values[REASON])
        if reason == 0:
            say(f"{what}: reasonCode unspecified, which is to be left out (5.3.1)")
        if reason == 8 and not delta:
            say(f"{what}: removeFromCRL in a full CRL (5.3.1)")


def read(findings, what, extensions):
    values = {}
    for oid, (critical, octets) in extensions.items():
        schema = schema_of(oid, rfc5280.certificateExtensionsMap)
        if schema is None:
            findings.append(f"{what}: extension {oid}, which is not known here")
            continue
        values[oid] = decode(findings, f"{what}: extension {oid}", octets, schema)
        if oid in CRITICAL and critical != CRITICAL[oid]:
            findings.append(f"{what}: extension {oid} {'critical' if critical else 'not critical'} (5.2, 5.3)")
    return values
