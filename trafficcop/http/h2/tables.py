"""The static table of HPACK (RFC 7541 Appendix A) and the integers of its encoding (§5.1)."""

from __future__ import annotations

from typing import Final

from trafficcop.http.headers import Field

# Each line a name and the values it is listed with; without one it stands alone.
_LISTED: Final = """
:authority
:method GET|POST
:path /|/index.html
:scheme http|https
:status 200|204|206|304|400|404|500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate
"""


def _static() -> list[Field]:
    fields: list[Field] = [(b"", b"")]  # indexes begin with 1
    for line in _LISTED.strip().split("\n"):
        name, _, values = line.partition(" ")
        fields += [(name.encode(), value.encode()) for value in values.split("|")]
    return fields


STATIC: Final = _static()
FIRST_DYNAMIC: Final = len(STATIC)
DEFAULT_TABLE_SIZE: Final = 4096
# RFC 7541 §4.1: what an entry counts beside its name and value.
ENTRY_OVERHEAD: Final = 32


def encode_integer(value: int, bits: int, flags: int) -> bytes:
    """An integer with a prefix of so many bits, below the flags of its representation."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes((flags | value,))
    encoded = bytearray((flags | limit,))
    value -= limit
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
