"""What a key may be used for: RFC 5280 4.2.1.3 and 4.2.1.12."""
from der import named_bits

USAGES = ["digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"]
ENCIPHERMENT, AGREEMENT = {"keyEncipherment", "dataEncipherment"}, {"keyAgreement", "encipherOnly", "decipherOnly"}
# RFC 3279 2.3.1, RFC 4055 1.2, RFC 5480 3, RFC 8410 5.
CANNOT = {"RSA": AGREEMENT, "RSA-PSS": ENCIPHERMENT | AGREEMENT, "EC": ENCIPHERMENT, "Ed25519": ENCIPHERMENT | AGREEMENT}
# Each purpose with the usages one of which it needs.
PURPOSES = {
    "1.3.6.1.5.5.7.3.1": ("serverAuth", {"digitalSignature", "keyEncipherment", "keyAgreement"}),
    "1.3.6.1.5.5.7.3.2": ("clientAuth", {"digitalSignature", "keyAgreement"}),
    "1.3.6.1.5.5.7.3.3": ("codeSigning", {"digitalSignature"}),
    "1.3.6.1.5.5.7.3.4": ("emailProtection", {"digitalSignature", "nonRepudiation", "keyEncipherment", "keyAgreement"}),
    "1.3.6.1.5.5.7.3.8": ("timeStamping", {"digitalSignature", "nonRepudiation"}),
    "1.3.6.1.5.5.7.3.9": ("OCSPSigning", {"digitalSignature", "nonRepudiation"}),
}
ANY = "2.5.29.37.0"


def usages_in(bits):
    return [name for name, bit in zip(USAGES, bits) if bit]


def check_usage(findings, bits, key, ca, critical):
    say = findings.append
    usage = usages_in(bits)
    if 1 not in bits:
        say("keyUsage: no bit set (4.2.1.3)")
    elif not named_bits(bits):
        say("keyUsage: trailing zero bits (X.690 11.2.2)")
    if len(bits) > len(USAGES):
        say("keyUsage: a bit that means nothing (4.2.1.3)")
    if not critical:
        say("keyUsage: not critical (4.2.1.3)")
    if "keyCertSign" in usage and not ca:
        say("keyUsage: keyCertSign without cA (4.2.1.9)")
    if {"encipherOnly", "decipherOnly"} & set(usage) and "keyAgreement" not in usage:
        say("keyUsage: encipherOnly or decipherOnly without keyAgreement")
    for name in usage:
        if name in CANNOT.get(key, ()):
            say(f"keyUsage: {name} by a key of type {key}")


def check_purposes(findings, purposes, usage, critical):
    """`usage`: None where there is no keyUsage, which allows all."""
    say = findings.append
    oids = [str(purpose) for purpose in purposes]
    if len(set(oids)) != len(oids):
        say("extKeyUsage: a purpose twice")
    if ANY in oids and critical:
        say("extKeyUsage: anyExtendedKeyUsage, and critical (4.2.1.12)")
    for oid in oids:
        name, needs = PURPOSES.get(oid, (oid, set()))
        if needs and usage is not None and not needs & set(usage):
            say(f"extKeyUsage: {name}, and keyUsage forbids it (4.2.1.12)")
