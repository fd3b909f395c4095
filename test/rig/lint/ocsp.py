"""An OCSP response by RFC 6960 4.2, RFC 8954, and RFC 5019 2.2 for what clients of large services want."""
import hashlib

import certificate
from crl import REASONS, check_entry_extensions
from der import decode, extensions_of, moment, serial, whole_octets
from findings import Findings
from keys import algorithm
from names import check_name
from pyasn1.codec.der import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import univ
from pyasn1_modules import rfc5280, rfc6960

NONCE, SIGNING = "1.3.6.1.5.5.7.48.1.2", "1.3.6.1.5.5.7.3.9"
# 4 is not used.
FAILURES = (1, 2, 3, 5, 6)
DIGESTS = {"1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.1": "sha256", "2.16.840.1.101.3.4.2.2": "sha384", "2.16.840.1.101.3.4.2.3": "sha512"}


def lint(octets):
    findings = Findings()
    say = findings.append
    response = decode(findings, "OCSP response", octets, rfc6960.OCSPResponse())
    if response is None:
        return findings
    status = int(response["responseStatus"])
    if status != 0:
        if status not in FAILURES:
            say(f"responseStatus: {status}, which means nothing (4.2.1)")
        if response["responseBytes"].hasValue():
            say("responseBytes: there without success (4.2.1)")
    elif not response["responseBytes"].hasValue():
        say("responseBytes: missing (4.2.1)")
    elif response["responseBytes"]["responseType"] != rfc6960.id_pkix_ocsp_basic:
        say("responseType: not id-pkix-ocsp-basic (4.2.1)")
    else:
        check_basic(findings, bytes(response["responseBytes"]["response"]))
    return findings


def check_basic(findings, octets):
    say = findings.append
    basic = decode(findings, "basic response", octets, rfc6960.BasicOCSPResponse())
    if basic is None:
        return
    algorithm(findings, "signatureAlgorithm", basic["signatureAlgorithm"])
    whole_octets(findings, basic["signature"])
    data = basic["tbsResponseData"]
    if int(data["version"]) != 0:
        say("version: not v1 (4.2.1)")
    issuer = issuer_answered_for(findings, data["responderID"], basic["certs"] if basic["certs"].hasValue() else [])
    produced = moment(findings, "producedAt", data["producedAt"])
    if len(data["responses"]) == 0:
        say("responses: empty (4.2.2.3)")
    for single in data["responses"]:
        check_single(findings, single, produced, issuer)
    if data["responseExtensions"].hasValue():
        check_extensions(findings, data["responseExtensions"])


def issuer_answered_for(findings, identifier, certificates):
    """DER of the Name of the CA the signer may speak for, whose certificate is to be among these; None with a finding."""
    say = findings.append
    for each in certificates:
        for finding in certificate.lint(encoder.encode(each)):
            say(f"certs: {finding}")
    value = identifier.getComponent()
    if identifier.getName() == "byName":
        check_name(findings, "responderID", value)
        fits = lambda tbs: tbs["subject"].getComponent() == value.getComponent()
    else:
        fits = lambda tbs: hashlib.sha1(tbs["subjectPublicKeyInfo"]["subjectPublicKey"].asOctets()).digest() == bytes(value)
    tbs = next((each["tbsCertificate"] for each in certificates if fits(each["tbsCertificate"])), None)
    if tbs is None:
        say("certs: no certificate of who is named as the responder (RFC 5019 2.2.2)")
        return None
    ca = any(constraints["cA"] for constraints in values(tbs, certificate.BC, rfc5280.BasicConstraints()))
    if not ca and not any(SIGNING in [str(purpose) for purpose in purposes] for purposes in values(tbs, certificate.EKU, rfc5280.ExtKeyUsageSyntax())):
        say("certs: the responder is neither a CA nor allowed to sign OCSP answers (4.2.2.2)")
    # Who issued what is asked about: the CA itself, or who issued the responder's certificate directly (4.2.2.2).
    return encoder.encode(tbs["subject" if ca else "issuer"])


def values(tbs, oid, schema):
    """The extension's value, as a list of one or none; what does not decode has its finding already."""
    try:
        return [decoder.decode(bytes(each["extnValue"]), asn1Spec=schema)[0] for each in tbs["extensions"] if str(each["extnID"]) == oid]
    except PyAsn1Error:
        return []


def check_single(findings, single, produced, issuer):
    say = findings.append
    check_cert_id(findings, single["certID"], None if single["certStatus"].getName() == "unknown" else issuer)
    this = moment(findings, "thisUpdate", single["thisUpdate"])
    if this > produced:
        say("thisUpdate: after producedAt")
    if not single["nextUpdate"].hasValue():
        say("nextUpdate: missing (RFC 5019 2.2.4)")
    elif moment(findings, "nextUpdate", single["nextUpdate"]) <= this:
        say("nextUpdate: not after thisUpdate")
    if single["certStatus"].getName() == "revoked":
        check_revoked(findings, single["certStatus"].getComponent(), this)
    if single["singleExtensions"].hasValue():
        check_entry_extensions(findings, "single response", single["singleExtensions"])


def check_cert_id(findings, cert_id, issuer):
    """`issuer`: DER of the Name of who alone may issue what is asked about; None where nothing is said about it."""
    say = findings.append
    serial(findings, "certID", cert_id["serialNumber"])
    digest = DIGESTS.get(str(cert_id["hashAlgorithm"]["algorithm"]))
    size = None if digest is None else hashlib.new(digest).digest_size
    if any(len(cert_id[part]) != size for part in ("issuerNameHash", "issuerKeyHash")):
        say("certID: hashes that are not of their algorithm")
    elif issuer is not None and hashlib.new(digest, issuer).digest() != bytes(cert_id["issuerNameHash"]):
        say("certID: of another issuer than the responder speaks for (4.2.2.2)")


def check_revoked(findings, revoked, this):
    say = findings.append
    if moment(findings, "revocationTime", revoked["revocationTime"]) > this:
        say("revocationTime: after thisUpdate")
    if revoked["revocationReason"].hasValue() and int(revoked["revocationReason"]) not in REASONS:
        say(f"revocationReason: {int(revoked['revocationReason'])}, which is to be left out (0), for a delta CRL (8) or none (RFC 5280 5.3.1)")


def check_extensions(findings, extensions):
    """Of the response; ours have a nonce only (4.4.1)."""
    say = findings.append
    for oid, (critical, octets) in extensions_of(findings, "response", extensions).items():
        if oid != NONCE:
            say(f"response: extension {oid}, which does not belong here")
            continue
        value = decode(findings, "nonce", octets, univ.OctetString())
        if value is not None and not 1 <= len(value) <= 32:
            say(f"nonce: of {len(value)} octets (RFC 8954 2.1)")
        if critical:
            say("nonce: critical")
