"""Where CRLs, responders and issuers' certificates are: RFC 5280 4.2.1.13, 4.2.2.1, 4.2.2.2."""
from names import check_attribute, general_names

OCSP = "1.3.6.1.5.5.7.48.1"


def check_points(findings, name, points):
    say = findings.append
    for point in points:
        if not point["distributionPoint"].hasValue() and not point["cRLIssuer"].hasValue():
            say(f"{name}: a point that names nothing (4.2.1.13)")
        if point["distributionPoint"].hasValue():
            check_point_name(findings, name, point["distributionPoint"])
        if point["cRLIssuer"].hasValue():
            general_names(findings, f"{name}: cRLIssuer", point["cRLIssuer"])
    if all(point["reasons"].hasValue() for point in points):
        say(f"{name}: no point for all reasons (4.2.1.13)")


def check_point_name(findings, name, point):
    """Of a certificate's point, and of a CRL's issuingDistributionPoint (5.2.5)."""
    if point.getName() == "fullName":
        general_names(findings, name, point.getComponent())
    else:
        for attribute in point.getComponent():
            check_attribute(findings, name, attribute)


def check_access(findings, name, descriptions):
    say = findings.append
    general_names(findings, name, [each["accessLocation"] for each in descriptions])
    for method, location in ((str(each["accessMethod"]), each["accessLocation"]) for each in descriptions):
        # RFC 6960 3.1, RFC 5019 5: asked by HTTP.
        if method == OCSP and not (location.getName() == "uniformResourceIdentifier" and str(location.getComponent()).startswith(("http://", "https://"))):
            say(f"{name}: a responder that is not at an HTTP URI")
