"""Distinguished names as Go writes them (`crypto/x509/pkix`): RFC 2253, in an order of its own."""

from __future__ import annotations

import string

from cryptography import x509
from cryptography.x509.oid import NameOID

# In the order of the string, which is the reverse of the order in a certificate made by Go (1.26 changed it).
_KNOWN = {
    NameOID.SERIAL_NUMBER: "SERIALNUMBER",
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.POSTAL_CODE: "POSTALCODE",
    NameOID.STREET_ADDRESS: "STREET",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.COUNTRY_NAME: "C",
}
_PRINTABLE = frozenset(string.ascii_letters + string.digits + " '()+,-./:=?")
# One value of these, the last that is given.
_SINGLE = (NameOID.SERIAL_NUMBER, NameOID.COMMON_NAME)


def subject_of(certificate: bytes) -> str:
    """The subject of a DER certificate, "" when it cannot be read."""
    try:
        return name_text(x509.load_der_x509_certificate(certificate).subject)
    except ValueError:
        return ""


def name_text(name: x509.Name) -> str:
    """`CN=client,OU=b+OU=c,O=Example`"""
    parts: list[str] = []
    for oid, label in _KNOWN.items():
        values = [_value(one) for one in name.get_attributes_for_oid(oid)]
        if values:
            chosen = values[-1:] if oid in _SINGLE else values
            parts.append("+".join(f"{label}={_escape(value)}" for value in chosen))
    others = [one for one in name if one.oid not in _KNOWN]
    parts += [f"{one.oid.dotted_string}=#{_der_of(_value(one)).hex()}" for one in reversed(others)]
    return ",".join(parts)


def _value(attribute: x509.NameAttribute[str | bytes]) -> str:
    value = attribute.value
    return value if isinstance(value, str) else value.hex()


def _der_of(value: str) -> bytes:
    """A PrintableString if it is one, else a UTF8String (X.690 §8.1)."""
    data = value.encode()
    size = len(data)
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    length = bytes((size,)) if size < 128 else bytes((0x80 | len(digits),)) + digits
    return (b"\x13" if _PRINTABLE.issuperset(value) else b"\x0c") + length + data


def _escape(value: str) -> str:
    text = "".join("\\" + char if char in ',+"\\<>;' else char for char in value)
    if text[:1] in ("#", " "):
        text = "\\" + text
    return text[:-1] + "\\ " if len(text) > 1 and text[-1] == " " and text[-2] != "\\" else text
