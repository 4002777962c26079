"""Foreign bytes and times as text that is safe within one line of an access log."""

from __future__ import annotations

import json
import re
import time
from functools import lru_cache

from trafficcop.config.json_text import html_safe
from trafficcop.telemetry.log_format import offset_of

# Bytes that stand for themselves in both a CLF line and a JSON string as Go writes it.
_VISIBLE = bytes(range(0x20, 0x7F))
TARGET_SAFE = _VISIBLE.translate(None, b' "\\')
_QUOTED_SAFE = _VISIBLE.translate(None, b'"\\')
JSON_SAFE = _VISIBLE.translate(None, b'"\\<>&')
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\udc80-\udcff]")
_BLANK = re.compile(r"\s")
NANOSECONDS = 10**9


def target_text(target: bytes) -> bytes:
    """A method or request-target; what cannot stand in one is percent-encoded (RFC 3986 §2.1)."""
    if not target.translate(None, TARGET_SAFE):
        return target
    return b"".join(b"%c" % byte if byte in TARGET_SAFE else b"%%%02X" % byte for byte in target)


def _hexadecimal(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if code >= 0xDC80 else f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def bare_text(value: bytes) -> bytes:
    """A word of a CLF line that is not quoted: blanks and quotes would shift the columns."""
    if not value.translate(None, TARGET_SAFE):
        return value
    return _BLANK.sub(_hexadecimal, quoted_inner(value).decode()).encode()


def quoted_inner(value: bytes) -> bytes:
    """The inside of a quoted CLF word: `"` and `\\` escaped, control characters and broken UTF-8 as `\\xHH`."""
    if not value.translate(None, _QUOTED_SAFE):
        return value
    text = value.decode("utf-8", "surrogateescape").replace("\\", "\\\\").replace('"', '\\"')
    return _CONTROL.sub(_hexadecimal, text).encode()


def quoted(value: bytes) -> bytes:
    return b'"%b"' % quoted_inner(value)


def json_text(value: bytes) -> bytes:
    """Foreign bytes as a JSON string; broken UTF-8 becomes U+FFFD."""
    unsafe = value.translate(None, JSON_SAFE)
    if not unsafe:
        return b'"%b"' % value
    if not unsafe.replace(b"&", b""):  # the usual query string
        return b'"%b"' % value.replace(b"&", b"\\u0026")
    return json_string(value.decode("utf-8", "replace"))


def json_string(value: str) -> bytes:
    return html_safe(json.encoder.encode_basestring(value)).encode("utf-8", "replace")


@lru_cache(maxsize=4096)
def quoted_name(name: str) -> bytes:
    """The name of a router or the URL of a server: there are few, and each stands in many lines."""
    return quoted(name.encode("utf-8", "surrogateescape"))


@lru_cache(maxsize=4096)
def json_name(name: str) -> bytes:
    return json_string(name)


# Times: the part down to the second is worked out once a second. A log line is about now, so a few entries are enough.


@lru_cache(maxsize=8)
def clf_utc(second: int) -> bytes:
    """`02/Jan/2006:15:04:05 +0000`; the month is English whatever the locale."""
    return _clf(time.gmtime(second))


@lru_cache(maxsize=8)
def clf_local(second: int) -> bytes:
    return _clf(time.localtime(second))


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _clf(moment: time.struct_time) -> bytes:
    day = f"{moment.tm_mday:02d}/{_MONTHS[moment.tm_mon - 1]}/{moment.tm_year:04d}"
    offset = offset_of(moment, separator="", utc="+0000")
    return f"{day}:{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} {offset}".encode()


@lru_cache(maxsize=8)
def iso_utc(second: int) -> tuple[bytes, bytes]:
    """The two parts of an RFC 3339 time between which a fraction may stand."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode(), b"Z"


@lru_cache(maxsize=8)
def iso_local(second: int) -> tuple[bytes, bytes]:
    moment = time.localtime(second)
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment).encode(), offset_of(moment).encode()


def fraction(nanoseconds: int) -> bytes:
    """`.000123` without trailing zeros, nothing when it is zero (Go's RFC3339Nano)."""
    return (b".%09d" % nanoseconds).rstrip(b"0") if nanoseconds else b""
