"""Distinguished names by RFC 5280 4.1.2.4 and appendix A (upper bounds, string types)."""
from der import decode, schema_of
from pyasn1_modules import rfc5280

MORE = {
    "0.9.2342.19200300.100.1.1": rfc5280.DirectoryString(),  # uid, RFC 4519 2.39
    "2.5.4.9": rfc5280.DirectoryString(),  # street
    "2.5.4.17": rfc5280.DirectoryString(),  # postalCode
    "2.5.4.15": rfc5280.DirectoryString(),  # businessCategory
}
PRINTABLE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")


def check_name(findings, what, name):
    for part in name.getComponent():
        for attribute in part:
            check_attribute(findings, what, attribute)


def check_attribute(findings, what, attribute):
    oid = attribute["type"]
    schema = schema_of(oid, rfc5280.certificateAttributesMap, MORE)
    if schema is None:
        findings.append(f"{what}: attribute {oid}, which is not known here")
        return
    octets = bytes(attribute["value"])
    value = decode(findings, f"{what} {oid}", octets, schema)
    if value is None:
        return
    # RFC 5280 4.1.2.4: PrintableString or UTF8String, where there is a choice.
    if octets[:1] in (b"\x14", b"\x1c", b"\x1e"):
        findings.append(f"{what} {oid}: neither PrintableString nor UTF8String")
    text = str(value.getComponent() if hasattr(value, "getComponent") and hasattr(value, "getName") else value)
    if text == "":
        findings.append(f"{what} {oid}: empty")
    if octets[:1] == b"\x13" and not set(text) <= PRINTABLE:
        findings.append(f"{what} {oid}: '{text}' is no PrintableString")
    if str(oid) == "2.5.4.6" and not (len(text) == 2 and text.isalpha() and text.isupper()):
        findings.append(f"{what}: '{text}' is no country of ISO 3166")
