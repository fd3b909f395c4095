"""Names: distinguished ones by RFC 5280 4.1.2.4 and appendix A (upper bounds, string types), others by 4.2.1.6."""
import re

from der import decode, schema_of
from pyasn1_modules import rfc5280

MORE = {
    "0.9.2342.19200300.100.1.1": rfc5280.DirectoryString(),  # uid, RFC 4519 2.39
    "2.5.4.9": rfc5280.DirectoryString(),  # street
    "2.5.4.17": rfc5280.DirectoryString(),  # postalCode
    "2.5.4.15": rfc5280.DirectoryString(),  # businessCategory
}
PRINTABLE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
# RFC 1034 3.5 as RFC 1123 2.1 has it; a wildcard is one whole label (RFC 9525 6.3).
HOST = re.compile(r"(?=.{1,253}\Z)(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z")
# RFC 3986 3; what has an authority has a host (RFC 5280 4.2.1.6), but for ldap:///dn (4.2.1.13).
URI = re.compile(r"(?:ldaps?:///|[A-Za-z][A-Za-z0-9+.-]*:(?://[^/?#]|(?!//).))[!-~]*\Z")


def check_name(findings, what, name):
    for part in name.getComponent():
        types = [str(attribute["type"]) for attribute in part]
        if len(set(types)) != len(types):
            findings.append(f"{what}: an attribute twice in one RDN (X.501 9.3)")
        for attribute in part:
            check_attribute(findings, what, attribute)


def check_attribute(findings, what, attribute):
    say = findings.append
    oid = attribute["type"]
    schema = schema_of(oid, rfc5280.certificateAttributesMap, MORE)
    if schema is None:
        say(f"{what}: attribute {oid}, which is not known here")
        return
    octets = bytes(attribute["value"])
    value = decode(findings, f"{what} {oid}", octets, schema)
    if value is None:
        return
    # RFC 5280 4.1.2.4: PrintableString or UTF8String, where there is a choice.
    if octets[:1] in (b"\x14", b"\x1c", b"\x1e"):
        say(f"{what} {oid}: neither PrintableString nor UTF8String")
    text = str(value.getComponent() if hasattr(value, "getComponent") and hasattr(value, "getName") else value)
    if text == "":
        say(f"{what} {oid}: empty")
    if octets[:1] == b"\x13" and not set(text) <= PRINTABLE:
        say(f"{what} {oid}: '{text}' is no PrintableString")
    if str(oid) == "2.5.4.6" and not (text.isalpha() and text.isupper()):
        say(f"{what}: '{text}' is no country of ISO 3166")


def general_names(findings, what, names):
    """A list's emptiness is a matter of its schema, but for those whose tag pyasn1 forgets the size with."""
    say = findings.append
    if len(names) == 0:
        say(f"{what}: an empty list of names")
    for name in names:
        kind, value = name.getName(), name.getComponent()
        if kind == "iPAddress" and len(value) not in (4, 16):
            say(f"{what}: an iPAddress of {len(value)} octets")
        if kind == "dNSName" and not HOST.match(str(value)):
            say(f"{what}: '{value}' is no dNSName in the preferred syntax")
        if kind == "rfc822Name" and not re.match(r"[!-?A-~]+@[!-?A-~]+\Z", str(value)):
            say(f"{what}: '{value}' is no mailbox")
        if kind == "uniformResourceIdentifier" and not URI.match(str(value)):
            say(f"{what}: '{value}' is no absolute URI")
        if kind == "directoryName":
            check_name(findings, f"{what}: directoryName", value)


def check_name_constraints(findings, constraints, ca):
    """RFC 5280 4.2.1.10."""
    say = findings.append
    if not ca:
        say("nameConstraints: not in a CA")
    trees = [tree for side in ("permittedSubtrees", "excludedSubtrees") if constraints[side].hasValue() for tree in constraints[side]]
    if not trees:
        say("nameConstraints: empty")
    for tree in trees:
        if int(tree["minimum"]) != 0 or tree["maximum"].hasValue():
            say("nameConstraints: minimum or maximum set")
        kind, value = tree["base"].getName(), tree["base"].getComponent()
        if kind == "iPAddress":
            check_range(findings, bytes(value))
        # All names by the empty one; no dot in front, as a host stands for all below it.
        if kind == "dNSName" and str(value) != "" and ("*" in str(value) or not HOST.match(str(value))):
            say(f"nameConstraints: '{value}' is no domain")
        if kind == "uniformResourceIdentifier" and not HOST.match(str(value).removeprefix(".")):
            say(f"nameConstraints: '{value}' is no host or domain")
        if kind == "rfc822Name" and not HOST.match(str(value).rpartition("@")[2].removeprefix(".")):
            say(f"nameConstraints: '{value}' is no mailbox, host or domain")
        if kind == "directoryName":
            check_name(findings, "nameConstraints: directoryName", value)


def check_range(findings, octets):
    """An address and a mask as in RFC 4632: ones, then zeros, and none of the address's bits below them."""
    if len(octets) not in (8, 32):
        findings.append("nameConstraints: an address range of neither 8 nor 32 octets")
        return
    half = len(octets) // 2
    address, mask, all_ones = int.from_bytes(octets[:half], "big"), int.from_bytes(octets[half:], "big"), (1 << 8 * half) - 1
    if (mask ^ all_ones) & ((mask ^ all_ones) + 1):
        findings.append("nameConstraints: a mask with holes")
    elif address & ~mask:
        findings.append("nameConstraints: an address with bits its mask has not")
