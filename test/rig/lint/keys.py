"""Algorithms and keys: which parameters each has."""
from der import decode
from pyasn1.type import univ
from pyasn1_modules import rfc4055, rfc5280

RSA, PSS, MGF1, EC, ED25519 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8", "1.2.840.10045.2.1", "1.3.101.112"
BROKEN = ("1.2.840.113549.1.1.2", "1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1")
DIGEST_OCTETS = {"2.16.840.1.101.3.4.2.1": 32, "2.16.840.1.101.3.4.2.2": 48, "2.16.840.1.101.3.4.2.3": 64}


def algorithm(findings, what, identifier):
    """RFC 4055 2.1, RFC 5758 3.2, RFC 8410 3: which parameters an algorithm has."""
    oid, parameters = str(identifier["algorithm"]), parameters_of(identifier)
    if oid == PSS:
        check_pss(findings, f"{what}: RSASSA-PSS", parameters)
    elif oid.startswith("1.2.840.113549.1.1."):
        if parameters != b"\x05\x00":
            findings.append(f"{what}: RSA parameters that are not NULL")
    elif parameters is not None:
        findings.append(f"{what}: {oid} with parameters")
    if oid in BROKEN:
        findings.append(f"{what}: signed with a broken digest ({oid})")


def check_pss(findings, what, parameters):
    """RFC 4055 3.1. The salt as long as the digest: what not every verifier insists on, but some do."""
    say = findings.append
    if parameters is None:
        say(f"{what} without parameters")
        return
    value = decode(findings, f"{what} parameters", parameters, rfc4055.RSASSA_PSS_params())
    if value is None:
        return
    # Where either is absent it is SHA-1, or MGF1 by it.
    digest = str(value["hashAlgorithm"]["algorithm"]) if value["hashAlgorithm"].hasValue() else "SHA-1"
    if digest not in DIGEST_OCTETS:
        say(f"{what} with a digest that is broken or not known ({digest})")
    if not value["maskGenAlgorithm"].hasValue() or str(value["maskGenAlgorithm"]["algorithm"]) != MGF1:
        say(f"{what} with a mask that is not MGF1, or by SHA-1")
    else:
        inner = decode(findings, f"{what} mask", bytes(value["maskGenAlgorithm"]["parameters"]), rfc5280.AlgorithmIdentifier())
        if inner is not None and str(inner["algorithm"]) != digest:
            say(f"{what} with a mask of another digest")
    if int(value["saltLength"]) != DIGEST_OCTETS.get(digest):
        say(f"{what} with a salt of {int(value['saltLength'])} octets")
    if int(value["trailerField"]) != 1:
        say(f"{what} with a trailer that is not 1")


def subject_key_info(findings, info):
    """RFC 3279 2.3.1, RFC 5480 2.1.1 (a named curve), RFC 8410 3."""
    say = findings.append
    oid, parameters = str(info["algorithm"]["algorithm"]), parameters_of(info["algorithm"])
    if oid == RSA and parameters != b"\x05\x00":
        say("subjectPublicKeyInfo: rsaEncryption without its NULL")
    if oid == EC:
        decode(findings, "subjectPublicKeyInfo: the curve", parameters or b"", univ.ObjectIdentifier())
        if info["subjectPublicKey"].asOctets()[:1] != b"\x04":
            say("subjectPublicKeyInfo: the point is not uncompressed")
    if oid == ED25519 and parameters is not None:
        say("subjectPublicKeyInfo: Ed25519 with parameters")
    return {RSA: "RSA", PSS: "RSA-PSS", EC: "EC", ED25519: "Ed25519"}.get(oid, oid)


def parameters_of(identifier):
    return bytes(identifier["parameters"]) if identifier["parameters"].hasValue() else None
