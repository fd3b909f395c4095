"""A certificate by RFC 5280 4.1 and 4.2, one rule a line."""
from der import decode, extensions_of, named_bits, schema_of, serial, time, whole_octets
from findings import Findings
from keys import algorithm, subject_key_info
from names import check_name, check_name_constraints, general_names
from places import check_access, check_points
from pyasn1.type import char, univ
from pyasn1_modules import rfc5280
from usages import check_purposes, check_usage, usages_in

AKI, SKI, KU, BC, NC, SAN, IAN = "2.5.29.35", "2.5.29.14", "2.5.29.15", "2.5.29.19", "2.5.29.30", "2.5.29.17", "2.5.29.18"
EKU, CDP, FRESHEST, AIA, SIA, POLICIES, PC, INHIBIT, MAPPINGS, DIRECTORY = "2.5.29.37", "2.5.29.31", "2.5.29.46", "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.11", "2.5.29.32", "2.5.29.36", "2.5.29.54", "2.5.29.33", "2.5.29.9"
NO_CHECK, NS_CERT_TYPE, NS_COMMENT = "1.3.6.1.5.5.7.48.1.5", "2.16.840.1.113730.1.1", "2.16.840.1.113730.1.13"
MAIL = "1.2.840.113549.1.9.1"
MORE = {NS_CERT_TYPE: univ.BitString(), NS_COMMENT: char.IA5String(), INHIBIT: rfc5280.InhibitAnyPolicy(), SIA: rfc5280.SubjectInfoAccessSyntax(), FRESHEST: rfc5280.FreshestCRL()}
MUST_BE_CRITICAL = {NC: "nameConstraints", PC: "policyConstraints", INHIBIT: "inhibitAnyPolicy"}
MUST_NOT_BE_CRITICAL = {AKI: "authorityKeyIdentifier", SKI: "subjectKeyIdentifier", AIA: "authorityInfoAccess", SIA: "subjectInfoAccess", CDP: "cRLDistributionPoints", FRESHEST: "freshestCRL", DIRECTORY: "subjectDirectoryAttributes", NO_CHECK: "ocsp-nocheck"}


def lint(octets):
    findings = Findings()
    say = findings.append
    certificate = decode(findings, "certificate", octets, rfc5280.Certificate())
    if certificate is None:
        return findings
    tbs = certificate["tbsCertificate"]
    if certificate["signatureAlgorithm"] != tbs["signature"]:
        say("signatureAlgorithm: not the one in the tbsCertificate (4.1.1.2)")
    algorithm(findings, "signatureAlgorithm", certificate["signatureAlgorithm"])
    whole_octets(findings, certificate["signature"])
    serial(findings, "serialNumber", tbs["serialNumber"])
    check_name(findings, "issuer", tbs["issuer"])
    check_name(findings, "subject", tbs["subject"])
    if len(tbs["issuer"].getComponent()) == 0:
        say("issuer: empty (4.1.2.4)")
    before = time(findings, "notBefore", tbs["validity"]["notBefore"])
    after = time(findings, "notAfter", tbs["validity"]["notAfter"])
    if before > after:
        say("validity: ends before it begins")
    key = subject_key_info(findings, tbs["subjectPublicKeyInfo"])
    if tbs["issuerUniqueID"].hasValue() or tbs["subjectUniqueID"].hasValue():
        say("a unique identifier (4.1.2.8)")
    if not tbs["extensions"].hasValue():
        say("no extensions: not even an authorityKeyIdentifier (4.2.1.1)")
        return findings
    if int(tbs["version"]) != 2:
        say("extensions in what is not version 3 (4.1.2.1)")
    extensions = extensions_of(findings, "certificate", tbs["extensions"])
    check_extensions(findings, tbs, key, extensions)
    return findings


def check_extensions(findings, tbs, key, extensions):
    value = values_of(findings, extensions)
    has = lambda oid: value.get(oid) is not None
    critical = lambda oid: extensions[oid][0]
    ca = has(BC) and bool(value[BC]["cA"])
    usage = usages_in(value[KU]) if has(KU) else []

    check_identifiers(findings, value.get(AKI), value.get(SKI), ca, tbs["issuer"] == tbs["subject"])
    check_subject(findings, tbs["subject"], value.get(SAN), ca, has(SAN) and critical(SAN))
    if has(KU):
        check_usage(findings, value[KU], key, ca, critical(KU))
    if has(EKU):
        check_purposes(findings, value[EKU], usage if has(KU) else None, critical(EKU))
    if has(BC):
        check_basic_constraints(findings, value[BC], usage, critical(BC))
    if has(IAN):
        general_names(findings, "issuerAltName", value[IAN])
    if has(NC):
        check_name_constraints(findings, value[NC], ca)
    for oid, name in ((CDP, "cRLDistributionPoints"), (FRESHEST, "freshestCRL")):
        if has(oid):
            check_points(findings, name, value[oid])
    for oid, name in ((AIA, "authorityInfoAccess"), (SIA, "subjectInfoAccess")):
        if has(oid):
            check_access(findings, name, value[oid])
    check_policies(findings, value.get(POLICIES), value.get(MAPPINGS), value.get(PC))
    if has(NS_CERT_TYPE) and not named_bits(value[NS_CERT_TYPE]):
        findings.append("nsCertType: no bit set, or trailing zero bits")


def values_of(findings, extensions):
    say = findings.append
    value = {}
    for oid, (critical, octets) in extensions.items():
        schema = schema_of(oid, rfc5280.certificateExtensionsMap, MORE)
        if schema is None:
            say(f"extension {oid}, which is not known here")
        else:
            value[oid] = decode(findings, f"extension {oid}", octets, schema)
        if oid in MUST_BE_CRITICAL and not critical:
            say(f"{MUST_BE_CRITICAL[oid]}: not critical")
        if oid in MUST_NOT_BE_CRITICAL and critical:
            say(f"{MUST_NOT_BE_CRITICAL[oid]}: critical")
    return value


def check_identifiers(findings, aki, ski, ca, self_issued):
    """RFC 5280 4.2.1.1 and 4.2.1.2."""
    say = findings.append
    if aki is not None:
        check_authority_key_identifier(findings, aki)
    elif not self_issued:
        say("authorityKeyIdentifier: missing (4.2.1.1)")
    if ca and ski is None:
        say("subjectKeyIdentifier: missing in a CA (4.2.1.2)")
    if ski is not None and len(ski) == 0:
        say("subjectKeyIdentifier: empty")


def check_authority_key_identifier(findings, aki):
    say = findings.append
    if aki["authorityCertIssuer"].hasValue() != aki["authorityCertSerialNumber"].hasValue():
        say("authorityKeyIdentifier: issuer without serial number, or the other way round")
    if not aki["keyIdentifier"].hasValue() or len(aki["keyIdentifier"]) == 0:
        say("authorityKeyIdentifier: no keyIdentifier (4.2.1.1)")
    if aki["authorityCertIssuer"].hasValue():
        general_names(findings, "authorityKeyIdentifier", aki["authorityCertIssuer"])


def check_subject(findings, subject, names, ca, critical):
    """RFC 5280 4.1.2.6 and 4.2.1.6."""
    say = findings.append
    empty = len(subject.getComponent()) == 0
    if empty and ca:
        say("subject: empty in a CA (4.1.2.6)")
    if empty and names is None:
        say("subject: empty, and no subjectAltName (4.1.2.6)")
    elif empty and not critical:
        say("subjectAltName: not critical, and the subject is empty (4.2.1.6)")
    elif not empty and critical:
        say("subjectAltName: critical beside a subject (4.2.1.6)")
    if names is not None:
        general_names(findings, "subjectAltName", names)
    mailboxes = [str(name.getComponent()) for name in names or [] if name.getName() == "rfc822Name"]
    for attribute in (attribute for part in subject.getComponent() for attribute in part if str(attribute["type"]) == MAIL):
        if bytes(attribute["value"])[2:].decode("latin-1") not in mailboxes:
            say("subject: a mail address that is not in subjectAltName (4.1.2.6)")


def check_basic_constraints(findings, constraints, usage, critical):
    """RFC 5280 4.2.1.9; that a CA has a keyUsage: 4.2.1.3."""
    say = findings.append
    if constraints["cA"] and "keyCertSign" not in usage:
        say("keyUsage: a CA without keyCertSign (4.2.1.3)")
    if constraints["cA"] and not critical:
        say("basicConstraints: not critical in a CA (4.2.1.9)")
    if constraints["pathLenConstraint"].hasValue() and not (constraints["cA"] and "keyCertSign" in usage):
        say("basicConstraints: pathLenConstraint without cA and keyCertSign (4.2.1.9)")


def check_policies(findings, policies, mappings, constraints):
    say = findings.append
    names = [str(each["policyIdentifier"]) for each in policies or []]
    if len(set(names)) != len(names):
        say("certificatePolicies: a policy twice (4.2.1.4)")
    if any("2.5.29.32.0" in (str(each["issuerDomainPolicy"]), str(each["subjectDomainPolicy"])) for each in mappings or []):
        say("policyMappings: anyPolicy (4.2.1.5)")
    if constraints is not None and not (constraints["requireExplicitPolicy"].hasValue() or constraints["inhibitPolicyMapping"].hasValue()):
        say("policyConstraints: empty (4.2.1.11)")
