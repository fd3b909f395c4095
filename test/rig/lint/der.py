"""Strict DER by a decoder and encoder that are not ours: what does not come out of it octet for octet as it went in is not DER."""
from pyasn1.codec.der import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import univ


def decode(findings, what, octets, schema):
    """The value, or None with a finding: not of the schema (its size constraints included), octets left over, or not DER."""
    try:
        value, rest = decoder.decode(octets, asn1Spec=schema)
    except PyAsn1Error as error:
        findings.append(f"{what}: does not decode ({str(error).splitlines()[0][:200]})")
        return None
    if rest:
        findings.append(f"{what}: {len(rest)} octets after the end")
    try:
        again = encoder.encode(value)
    except PyAsn1Error as error:
        findings.append(f"{what}: breaks its own schema ({str(error).splitlines()[0][:200]})")
        return None
    if again + rest != octets:
        findings.append(f"{what}: is not DER (a default written out, a length too long, a SET out of order)")
    return value


def named_bits(value):
    """X.690 11.2.2: a named bit list has no trailing zero bit."""
    return len(value) > 0 and value[len(value) - 1] == 1


def extensions_of(findings, what, extensions):
    """{OID: (critical, octets)}; no extension twice (RFC 5280 4.2), no empty list (4.1.2.9)."""
    found = {}
    if len(extensions) == 0:
        findings.append(f"{what}: an empty list of extensions")
    for extension in extensions:
        oid = str(extension["extnID"])
        if oid in found:
            findings.append(f"{what}: extension {oid} twice")
        found[oid] = (bool(extension["critical"]), bytes(extension["extnValue"]))
    return found


def general_names(findings, what, names):
    """RFC 5280 4.2.1.6."""
    if len(names) == 0:
        findings.append(f"{what}: an empty list of names")
    for name in names:
        kind, value = name.getName(), name.getComponent()
        if kind == "iPAddress" and len(value) not in (4, 16):
            findings.append(f"{what}: an iPAddress of {len(value)} octets")
        if kind == "dNSName" and not all(0 < len(label) <= 63 and label.replace("-", "").replace("_", "").replace("*", "").isalnum() for label in str(value).split(".")):
            findings.append(f"{what}: '{value}' is no dNSName in the preferred syntax")
        if kind == "rfc822Name" and str(value).count("@") != 1:
            findings.append(f"{what}: '{value}' is no mailbox")
        if kind == "uniformResourceIdentifier" and not (":" in str(value) and str(value).split(":")[0].isalpha() and str(value).isascii()):
            findings.append(f"{what}: '{value}' is no absolute URI")


def algorithm(findings, what, identifier):
    """RFC 4055 2.1, RFC 5758 3.2, RFC 8410 3: which parameters an algorithm has."""
    oid = str(identifier["algorithm"])
    parameters = bytes(identifier["parameters"]) if identifier["parameters"].hasValue() else None
    if oid.startswith("1.2.840.113549.1.1.") and oid != "1.2.840.113549.1.1.10":
        if parameters != b"\x05\x00":
            findings.append(f"{what}: RSA parameters that are not NULL")
    elif oid == "1.2.840.113549.1.1.10":
        if parameters is None:
            findings.append(f"{what}: RSASSA-PSS without parameters")
    elif parameters is not None:
        findings.append(f"{what}: {oid} with parameters")
    if oid in ("1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1"):
        findings.append(f"{what}: signed with a broken digest ({oid})")


def subject_key_info(findings, info):
    """RFC 3279 2.3.1, RFC 5480 2.1.1 (a named curve), RFC 8410 3."""
    oid = str(info["algorithm"]["algorithm"])
    parameters = bytes(info["algorithm"]["parameters"]) if info["algorithm"]["parameters"].hasValue() else None
    if oid == "1.2.840.113549.1.1.1" and parameters != b"\x05\x00":
        findings.append("subjectPublicKeyInfo: rsaEncryption without its NULL")
    if oid == "1.2.840.10045.2.1":
        decode(findings, "subjectPublicKeyInfo: the curve", parameters or b"", univ.ObjectIdentifier())
        point = info["subjectPublicKey"].asOctets()
        if point[:1] != b"\x04":
            findings.append("subjectPublicKeyInfo: the point is not uncompressed")
    if oid == "1.3.101.112" and parameters is not None:
        findings.append("subjectPublicKeyInfo: Ed25519 with parameters")
    return {"1.2.840.113549.1.1.1": "RSA", "1.2.840.113549.1.1.10": "RSA", "1.2.840.10045.2.1": "EC", "1.3.101.112": "Ed25519"}.get(oid, oid)


def time(findings, what, value):
    """RFC 5280 4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050, seconds, Z, no fraction. Gives YYYYMMDDHHMMSS."""
    kind, text = value.getName(), str(value.getComponent())
    digits = text[:-1]
    if not text.endswith("Z") or not digits.isdigit() or len(digits) != (12 if kind == "utcTime" else 14):
        findings.append(f"{what}: '{text}' is not of the form RFC 5280 wants")
        return "0"
    if kind == "utcTime":
        return ("19" if digits[:2] >= "50" else "20") + digits
    if digits < "2050":
        findings.append(f"{what}: GeneralizedTime before 2050")
    return digits


def serial(findings, what, value):
    """RFC 5280 4.1.2.2."""
    number = int(value)
    if number <= 0:
        findings.append(f"{what}: not positive")
    if number.bit_length() // 8 + 1 > 20:
        findings.append(f"{what}: longer than 20 octets")


def schema_of(oid, table, more={}):
    """From one of pyasn1's tables, else from ours. No 'or': a schema has no truth value."""
    key = univ.ObjectIdentifier(str(oid))
    return table[key] if key in table else more.get(str(oid))
