"""
lint.py certificate|crl|ocsp: DER on stdin, findings as a JSON list on stdout.
lint.py batch: a JSON list of {kind, hex} on stdin; for each its findings, and beside each finding the lines that led to it.
lint.py sites: the lines that may lead to a finding.
"""
import json
import sys
import warnings

import certificate
import crl
import findings
import ocsp
from cryptography import x509
from cryptography.x509 import ocsp as cryptography_ocsp

RULES = {"certificate": certificate.lint, "crl": crl.lint, "ocsp": ocsp.lint}


def pyca(kind, octets):
    """python-cryptography's verdict: a parser in Rust, stricter than openssl's."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            if kind == "ocsp":
                response = cryptography_ocsp.load_der_ocsp_response(octets)
                if response.response_status == cryptography_ocsp.OCSPResponseStatus.SUCCESSFUL:
                    # Not its signature_hash_algorithm: that knows no RSA-PSS.
                    list(response.extensions), list(response.responses)
            else:
                read = x509.load_der_x509_certificate(octets) if kind == "certificate" else x509.load_der_x509_crl(octets)
                list(read.extensions), read.issuer.rfc4514_string()
                if kind == "crl":
                    for entry in read:
                        list(entry.extensions)
                else:
                    # The key: a point that is not on its curve.
                    read.subject.rfc4514_string(), read.version, read.serial_number, read.public_key()
        except Exception as error:  # any of them is a verdict
            return [f"python-cryptography: {type(error).__name__}: {str(error)[:200]}"]
    return [f"python-cryptography: {str(each.message)[:200]}" for each in warned if "cryptography" not in str(each.category.__name__).lower() or "Deprecated" in str(each.message)]


def batch(each):
    kind, octets = each["kind"], bytes.fromhex(each["hex"])
    found = RULES[kind](octets)
    return [{"finding": finding, "sites": sites} for finding, sites in zip(found, found.sites)] + [{"finding": finding, "sites": []} for finding in pyca(kind, octets)]


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    command = sys.argv[1]
    if command == "sites":
        print(json.dumps(findings.all_sites()))
    elif command == "batch":
        print(json.dumps([batch(each) for each in json.load(sys.stdin)]))
    else:
        octets = sys.stdin.buffer.read()
        print(json.dumps(RULES[command](octets) + pyca(command, octets)))
