"""Distinguished names as access logs show them."""

from __future__ import annotations

import pytest
from cryptography.x509 import Name, NameAttribute
from cryptography.x509.oid import NameOID, ObjectIdentifier

from tests.certificates import make
from trafficcop.tls.subject import name_text, subject_of

NAMES = [
    ([(NameOID.COUNTRY_NAME, "FR"), (NameOID.COMMON_NAME, "one"), (NameOID.COMMON_NAME, "two")], "CN=two,C=FR"),
    (
        [(NameOID.ORGANIZATIONAL_UNIT_NAME, "b"), (NameOID.ORGANIZATIONAL_UNIT_NAME, "c")],
        "OU=b+OU=c",
    ),
    (
        [
            (NameOID.COUNTRY_NAME, "CH"),
            (NameOID.LOCALITY_NAME, "Ort"),
            (NameOID.STATE_OR_PROVINCE_NAME, "Bern"),
            (NameOID.POSTAL_CODE, "3000"),
            (NameOID.STREET_ADDRESS, "Weg 1"),
            (NameOID.ORGANIZATION_NAME, "o"),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, "u"),
            (NameOID.COMMON_NAME, "x"),
        ],
        "CN=x,OU=u,O=o,POSTALCODE=3000,STREET=Weg 1,L=Ort,ST=Bern,C=CH",
    ),
    ([(NameOID.ORGANIZATION_NAME, 'a, "b"; <c>+\\')], 'O=a\\, \\"b\\"\\; \\<c\\>\\+\\\\'),
    ([(NameOID.COMMON_NAME, "#x "), (NameOID.SERIAL_NUMBER, "17")], "SERIALNUMBER=17,CN=\\#x\\ "),
    # What has no short name is in DER: printable text, or any text.
    (
        [(NameOID.EMAIL_ADDRESS, "a@b.c"), (NameOID.DOMAIN_COMPONENT, "org"), (NameOID.COMMON_NAME, "x")],
        "CN=x,0.9.2342.19200300.100.1.25=#13036f7267,1.2.840.113549.1.9.1=#0c056140622e63",
    ),
    ([(NameOID.USER_ID, "ü*")], "0.9.2342.19200300.100.1.1=#0c03c3bc2a"),
    ([(NameOID.USER_ID, "x" * 200)], "0.9.2342.19200300.100.1.1=#1381c8" + "78" * 200),
]


@pytest.mark.parametrize(("parts", "text"), NAMES, ids=range(len(NAMES)))
def test_names(parts: list[tuple[ObjectIdentifier, str]], text: str) -> None:
    name = Name([NameAttribute(oid, value) for oid, value in parts])
    assert name_text(name) == text
    assert subject_of(make(subject=name).der) == text


def test_no_certificate_has_no_subject() -> None:
    assert subject_of(b"nothing") == ""
