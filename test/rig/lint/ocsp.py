"""An OCSP response by RFC 6960 4.2 and RFC 8954."""
import certificate
from der import algorithm, decode, extensions_of, schema_of, serial
from pyasn1.codec.der import encoder
from pyasn1_modules import rfc5280, rfc6960

NONCE = "1.3.6.1.5.5.7.48.1.2"


def lint(octets):
    findings = []
    say = findings.append
    response = decode(findings, "OCSP response", octets, rfc6960.OCSPResponse())
    if response is None:
        return findings
    successful = int(response["responseStatus"]) == 0
    if successful != response["responseBytes"].hasValue():
        say("responseBytes: there without success, or the other way round (4.2.1)")
    if not successful or not response["responseBytes"].hasValue():
        return findings
    if response["responseBytes"]["responseType"] != rfc6960.id_pkix_ocsp_basic:
        say("responseType: not id-pkix-ocsp-basic")
        return findings
    basic = decode(findings, "basic response", bytes(response["responseBytes"]["response"]), rfc6960.BasicOCSPResponse())
    if basic is None:
        return findings
    algorithm(findings, "signatureAlgorithm", basic["signatureAlgorithm"])
    data = basic["tbsResponseData"]
    if data["responderID"].getName() == "byKey" and len(data["responderID"].getComponent()) != 20:
        say("responderID: byKey is no SHA-1")
    produced = moment(findings, "producedAt", data["producedAt"])
    if len(data["responses"]) == 0:
        say("responses: empty")
    for single in data["responses"]:
        check_single(findings, single, produced)
    if data["responseExtensions"].hasValue():
        check_extensions(findings, "response", data["responseExtensions"])
    if basic["certs"].hasValue():
        for each in basic["certs"]:
            findings.extend(f"certs: {finding}" for finding in certificate.lint(encoder.encode(each)))
    return findings


def check_single(findings, single, produced):
    say = findings.append
    serial(findings, "certID", single["certID"]["serialNumber"])
    sizes = {"1.3.14.3.2.26": 20, "2.16.840.1.101.3.4.2.1": 32, "2.16.840.1.101.3.4.2.2": 48, "2.16.840.1.101.3.4.2.3": 64}
    size = sizes.get(str(single["certID"]["hashAlgorithm"]["algorithm"]))
    if size is None or any(len(single["certID"][part]) != size for part in ("issuerNameHash", "issuerKeyHash")):
        say("certID: hashes that are not of their algorithm")
    this = moment(findings, "thisUpdate", single["thisUpdate"])
    if this > produced:
        say("thisUpdate: after producedAt")
    if single["nextUpdate"].hasValue() and moment(findings, "nextUpdate", single["nextUpdate"]) <= this:
        say("nextUpdate: not after thisUpdate")
    if single["certStatus"].getName() == "revoked":
        moment(findings, "revocationTime", single["certStatus"].getComponent()["revocationTime"])
    if single["singleExtensions"].hasValue():
        check_extensions(findings, "single response", single["singleExtensions"])


def check_extensions(findings, what, extensions):
    for oid, (critical, octets) in extensions_of(findings, what, extensions).items():
        schema = schema_of(oid, rfc5280.certificateExtensionsMap)
        value = None if schema is None else decode(findings, f"{what}: extension {oid}", octets, schema)
        if schema is None:
            findings.append(f"{what}: extension {oid}, which is not known here")
        if oid == NONCE and value is not None and not 1 <= len(value) <= 32:
            findings.append(f"{what}: a nonce of {len(value)} octets (RFC 8954 2.1)")
        if oid == NONCE and critical:
            findings.append(f"{what}: a critical nonce")


def moment(findings, what, value):
    text = str(value)
    if len(text) != 15 or not text.endswith("Z") or not text[:-1].isdigit():
        findings.append(f"{what}: '{text}' is not of the form RFC 5280 wants")
    return text
