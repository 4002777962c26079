"""Empty lines before a request are nothing (RFC 9112 §2.2), whichever way they end."""

import pytest

from tests.wire.source import read_requests

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("before", [b"\r\n", b"\n", b"\n\n", b"\r\n\r\n", b"\n\r\n", b"\r\n\n"])
@pytest.mark.parametrize("step", [0, 1, 3])
def test_are_skipped(before: bytes, step: int) -> None:
    assert read_requests(before + REQUEST, step) == read_requests(REQUEST)
