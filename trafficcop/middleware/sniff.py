"""The media type that the first bytes of a body look like (https://mimesniff.spec.whatwg.org/, as Go applies it)."""

from __future__ import annotations

import re
from typing import Final

SNIFFED: Final = 512

_HTML: Final = (
    rb"<!DOCTYPE HTML|<HTML|<HEAD|<SCRIPT|<IFRAME|<H1|<DIV|<FONT|<TABLE|<A|<STYLE|<TITLE|<B|<BODY|<BR|<P|<!--"
)


def _signature(expression: bytes) -> re.Pattern[bytes]:
    return re.compile(expression, re.DOTALL)


# In the order in which they are tried; the text of last resort comes after them.
_SIGNATURES: Final[tuple[tuple[re.Pattern[bytes], bytes], ...]] = (
    (re.compile(rb"[\t\n\x0c\r ]*(?:" + _HTML + rb")[ >]", re.IGNORECASE), b"text/html; charset=utf-8"),
    (_signature(rb"[\t\n\x0c\r ]*<\?xml"), b"text/xml; charset=utf-8"),
    (_signature(rb"%PDF-"), b"application/pdf"),
    (_signature(rb"%!PS-Adobe-"), b"application/postscript"),
    (_signature(rb"\xFE\xFF.."), b"text/plain; charset=utf-16be"),
    (_signature(rb"\xFF\xFE.."), b"text/plain; charset=utf-16le"),
    (_signature(rb"\xEF\xBB\xBF."), b"text/plain; charset=utf-8"),
    (_signature(rb"\x00\x00[\x01\x02]\x00"), b"image/x-icon"),
    (_signature(rb"BM"), b"image/bmp"),
    (_signature(rb"GIF8[79]a"), b"image/gif"),
    (_signature(rb"RIFF....WEBPVP"), b"image/webp"),
    (_signature(rb"\x89PNG\x0D\x0A\x1A\x0A"), b"image/png"),
    (_signature(rb"\xFF\xD8\xFF"), b"image/jpeg"),
    (_signature(rb"FORM....AIFF"), b"audio/aiff"),
    (_signature(rb"ID3"), b"audio/mpeg"),
    (_signature(rb"OggS\x00"), b"application/ogg"),
    (_signature(rb"MThd\x00\x00\x00\x06"), b"audio/midi"),
    (_signature(rb"RIFF....AVI "), b"video/avi"),
    (_signature(rb"RIFF....WAVE"), b"audio/wave"),
    (_signature(rb"....ftyp"), b"video/mp4"),
    (_signature(rb"\x1A\x45\xDF\xA3"), b"video/webm"),
    (_signature(rb".{34}LP"), b"application/vnd.ms-fontobject"),
    (_signature(rb"\x00\x01\x00\x00"), b"font/ttf"),
    (_signature(rb"OTTO"), b"font/otf"),
    (_signature(rb"ttcf"), b"font/collection"),
    (_signature(rb"wOFF"), b"font/woff"),
    (_signature(rb"wOF2"), b"font/woff2"),
    (_signature(rb"\x1F\x8B\x08"), b"application/x-gzip"),
    (_signature(rb"PK\x03\x04"), b"application/zip"),
    (_signature(rb"Rar!\x1A\x07(?:\x00|\x01\x00)"), b"application/x-rar-compressed"),
    (_signature(rb"\x00\x61\x73\x6D"), b"application/wasm"),
)
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]").search


def detect(data: bytes) -> bytes:
    """A valid media type for any data (Go: http.DetectContentType)."""
    data = data[:SNIFFED]
    for signature, media_type in _SIGNATURES:
        if signature.match(data) is not None and (media_type != b"video/mp4" or _is_mp4(data)):
            return media_type
    text = data.lstrip(b"\t\n\x0c\r ")
    return b"application/octet-stream" if _BINARY(text) else b"text/plain; charset=utf-8"


def _is_mp4(data: bytes) -> bool:
    """A `ftyp` box with a brand that starts with "mp4" (§6.2.1)."""
    size = int.from_bytes(data[:4], "big")
    if len(data) < 12 or len(data) < size or size % 4:
        return False
    return any(data[start : start + 3] == b"mp4" for start in range(8, size, 4) if start != 12)
