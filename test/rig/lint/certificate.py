"""A certificate by RFC 5280 4.1 and 4.2, one rule a line."""
from der import algorithm, decode, extensions_of, general_names, named_bits, schema_of, serial, subject_key_info, time
from names import check_name
from pyasn1.type import char, univ
from pyasn1_modules import rfc5280

AKI, SKI, KU, BC, NC, SAN, IAN = "2.5.29.35", "2.5.29.14", "2.5.29.15", "2.5.29.19", "2.5.29.30", "2.5.29.17", "2.5.29.18"
EKU, CDP, AIA, SIA, POLICIES, PC, INHIBIT, MAPPINGS = "2.5.29.37", "2.5.29.31", "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.11", "2.5.29.32", "2.5.29.36", "2.5.29.54", "2.5.29.33"
NS_CERT_TYPE, NS_COMMENT = "2.16.840.1.113730.1.1", "2.16.840.1.113730.1.13"
MORE = {NS_CERT_TYPE: univ.BitString(), NS_COMMENT: char.IA5String(), INHIBIT: rfc5280.InhibitAnyPolicy(), SIA: rfc5280.SubjectInfoAccessSyntax()}
MUST_BE_CRITICAL = {NC: "nameConstraints", PC: "policyConstraints", INHIBIT: "inhibitAnyPolicy"}
MUST_NOT_BE_CRITICAL = {AKI: "authorityKeyIdentifier", SKI: "subjectKeyIdentifier", AIA: "authorityInfoAccess", SIA: "subjectInfoAccess", CDP: "cRLDistributionPoints"}
USAGES = ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"]


def lint(octets):
    findings = []
    certificate = decode(findings, "certificate", octets, rfc5280.Certificate())
    if certificate is None:
        return findings
    tbs = certificate["tbsCertificate"]
    say = findings.append
    if certificate["signatureAlgorithm"] != tbs["signature"]:
        say("signatureAlgorithm: not the one in the tbsCertificate (4.1.1.2)")
    algorithm(findings, "signatureAlgorithm", certificate["signatureAlgorithm"])
    if len(certificate["signature"]) % 8 != 0:
        say("signature: not whole octets")
    serial(findings, "serialNumber", tbs["serialNumber"])
    check_name(findings, "issuer", tbs["issuer"])
    check_name(findings, "subject", tbs["subject"])
    if len(tbs["issuer"].getComponent()) == 0:
        say("issuer: empty (4.1.2.4)")
    before, after = (time(findings, which, tbs["validity"][which]) for which in ("notBefore", "notAfter"))
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
    check_extensions(findings, tbs, key, extensions_of(findings, "certificate", tbs["extensions"]))
    return findings


def check_extensions(findings, tbs, key, extensions):
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
    has = lambda oid: value.get(oid) is not None
    critical = lambda oid: extensions[oid][0]
    ca = has(BC) and bool(value[BC]["cA"])
    usage = [name for name, bit in zip(USAGES, value[KU]) if bit] if has(KU) else []
    self_issued = tbs["issuer"] == tbs["subject"]

    if has(AKI):
        aki = value[AKI]
        if aki["authorityCertIssuer"].hasValue() != aki["authorityCertSerialNumber"].hasValue():
            say("authorityKeyIdentifier: issuer without serial number, or the other way round")
        if not aki["keyIdentifier"].hasValue():
            say("authorityKeyIdentifier: no keyIdentifier (4.2.1.1)")
        if aki["authorityCertIssuer"].hasValue():
            general_names(findings, "authorityKeyIdentifier", aki["authorityCertIssuer"])
    elif not self_issued:
        say("authorityKeyIdentifier: missing (4.2.1.1)")
    if ca and not has(SKI):
        say("subjectKeyIdentifier: missing in a CA (4.2.1.2)")
    if has(SKI) and len(value[SKI]) == 0:
        say("subjectKeyIdentifier: empty")

    if has(KU):
        if not usage:
            say("keyUsage: no bit set (4.2.1.3)")
        elif not named_bits(value[KU]):
            say("keyUsage: trailing zero bits (X.690 11.2.2)")
        if not critical(KU):
            say("keyUsage: not critical (4.2.1.3)")
        if "keyCertSign" in usage and not ca:
            say("keyUsage: keyCertSign without cA (4.2.1.9)")
        if ("encipherOnly" in usage or "decipherOnly" in usage) and "keyAgreement" not in usage:
            say("keyUsage: encipherOnly or decipherOnly without keyAgreement")
        if key in ("EC", "Ed25519") and {"keyEncipherment", "dataEncipherment"} & set(usage):
            say(f"keyUsage: encipherment by a key of type {key} (RFC 5480 3, RFC 8410 5)")
        if key == "Ed25519" and "keyAgreement" in usage:
            say("keyUsage: keyAgreement by an Ed25519 key (RFC 8410 5)")
    if ca:
        if "keyCertSign" not in usage:
            say("keyUsage: a CA without keyCertSign (4.2.1.3)")
        if not critical(BC):
            say("basicConstraints: not critical in a CA (4.2.1.9)")
        if len(tbs["subject"].getComponent()) == 0:
            say("subject: empty in a CA (4.1.2.6)")
    if has(BC) and value[BC]["pathLenConstraint"].hasValue() and not (ca and "keyCertSign" in usage):
        say("basicConstraints: pathLenConstraint without cA and keyCertSign (4.2.1.9)")

    if has(SAN):
        general_names(findings, "subjectAltName", value[SAN])
    if len(tbs["subject"].getComponent()) == 0:
        if not has(SAN):
            say("subject: empty, and no subjectAltName (4.1.2.6)")
        elif not critical(SAN):
            say("subjectAltName: not critical, and the subject is empty (4.2.1.6)")
    elif has(SAN) and critical(SAN):
        say("subjectAltName: critical beside a subject (4.2.1.6)")
    if has(IAN):
        general_names(findings, "issuerAltName", value[IAN])

    if has(NC):
        check_name_constraints(findings, value[NC], ca)
    if has(EKU):
        purposes = [str(purpose) for purpose in value[EKU]]
        if len(set(purposes)) != len(purposes):
            say("extKeyUsage: a purpose twice")
        if "2.5.29.37.0" in purposes and critical(EKU):
            say("extKeyUsage: anyExtendedKeyUsage, and critical (4.2.1.12)")
        if "1.3.6.1.5.5.7.3.9" in purposes and has(KU) and not {"digitalSignature", "nonRepudiation"} & set(usage):
            say("extKeyUsage: OCSPSigning, and keyUsage forbids it (4.2.1.12)")
        if "1.3.6.1.5.5.7.3.1" in purposes and has(KU) and not {"digitalSignature", "keyEncipherment", "keyAgreement"} & set(usage):
            say("extKeyUsage: serverAuth, and keyUsage forbids it (4.2.1.12)")
        if "1.3.6.1.5.5.7.3.2" in purposes and has(KU) and not {"digitalSignature", "keyAgreement"} & set(usage):
            say("extKeyUsage: clientAuth, and keyUsage forbids it (4.2.1.12)")
    if has(CDP):
        for point in value[CDP]:
            if not point["distributionPoint"].hasValue() and not point["cRLIssuer"].hasValue():
                say("cRLDistributionPoints: a point that names nothing (4.2.1.13)")
            elif point["distributionPoint"].hasValue() and point["distributionPoint"].getName() == "fullName":
                general_names(findings, "cRLDistributionPoints", point["distributionPoint"].getComponent())
    for oid, name in ((AIA, "authorityInfoAccess"), (SIA, "subjectInfoAccess")):
        if has(oid):
            general_names(findings, name, [each["accessLocation"] for each in value[oid]])
    if has(POLICIES):
        policies = [str(each["policyIdentifier"]) for each in value[POLICIES]]
        if len(set(policies)) != len(policies):
            say("certificatePolicies: a policy twice (4.2.1.4)")
    if has(PC) and not (value[PC]["requireExplicitPolicy"].hasValue() or value[PC]["inhibitPolicyMapping"].hasValue()):
        say("policyConstraints: empty (4.2.1.11)")
    if has(NS_CERT_TYPE) and not named_bits(value[NS_CERT_TYPE]):
        say("nsCertType: no bit set, or trailing zero bits")


def check_name_constraints(findings, constraints, ca):
    """RFC 5280 4.2.1.10."""
    if not ca:
        findings.append("nameConstraints: not in a CA")
    trees = [tree for side in ("permittedSubtrees", "excludedSubtrees") if constraints[side].hasValue() for tree in constraints[side]]
    if not trees:
        findings.append("nameConstraints: empty")
    for tree in trees:
        if int(tree["minimum"]) != 0 or tree["maximum"].hasValue():
            findings.append("nameConstraints: minimum or maximum set")
        if tree["base"].getName() == "iPAddress" and len(tree["base"].getComponent()) not in (8, 32):
            findings.append("nameConstraints: an address range of neither 8 nor 32 octets")
