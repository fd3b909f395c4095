"""Strict DER by a decoder and encoder that are not ours: what does not come out of it octet for octet as it went in is not DER."""
from datetime import datetime

from pyasn1.codec.der import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import univ


def decode(findings, what, octets, schema):
    """The value, or None with a finding: not of the schema (its size constraints included), octets left over, or not DER."""
    say = findings.append
    try:
        value, rest = decoder.decode(octets, asn1Spec=schema)
    except PyAsn1Error as error:
        say(f"{what}: does not decode ({first_line(error)})")
        return None
    if rest:
        say(f"{what}: {len(rest)} octets after the end")
    try:
        again = encoder.encode(value)
    except PyAsn1Error as error:
        say(f"{what}: breaks its own schema ({first_line(error)})")
        return None
    if again + rest != octets:
        say(f"{what}: is not DER (a default written out, a length too long, a SET out of order)")
    return value


def first_line(error):
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def named_bits(value):
    """X.690 11.2.2: a named bit list has no trailing zero bit."""
    return len(value) > 0 and value[len(value) - 1] == 1


def whole_octets(findings, value):
    if len(value) == 0 or len(value) % 8 != 0:
        findings.append("signature: empty, or not whole octets")


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


def time(findings, what, value):
    """RFC 5280 4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050, seconds, Z, no fraction. Gives YYYYMMDDHHMMSS."""
    text = str(value.getComponent())
    if value.getName() == "utcTime":
        text = ("19" if text[:2] >= "50" else "20") + text
    elif text < "2050":
        findings.append(f"{what}: GeneralizedTime before 2050")
    return moment(findings, what, text)


def moment(findings, what, value):
    """RFC 5280 4.1.2.5.2, and RFC 6960 4.2.2.1 by it: a GeneralizedTime of seconds, in GMT, without a fraction. Gives YYYYMMDDHHMMSS."""
    text = str(value)
    try:
        if len(text) != 15 or not text[:14].isdigit():
            raise ValueError
        datetime.strptime(text, "%Y%m%d%H%M%SZ")
    except ValueError:
        findings.append(f"{what}: '{text}' is not of the form RFC 5280 wants")
        return "0"
    return text[:14]


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
