"""Certificates of a running instance: replaced under its hands, good and bad ones beside each other."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import make
from tests.process.instance import Instance, free_port, until
from tests.secure import client_context

STATIC = """
workers: 2
entryPoints: {{websecure: {{address: "127.0.0.1:{port}"}}}}
providers: {{providersThrottleDuration: 0s, file: {{filename: {dynamic}, watch: false}}}}
"""


def certificate_of(port: int, name: str) -> bytes:
    """What a client is shown, b"" when it is refused."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            with client_context().wrap_socket(sock, server_hostname=name) as tls:
                return tls.getpeercert(binary_form=True) or b""
    except (ssl.SSLError, ConnectionError):
        return b""


@contextlib.contextmanager
def serving(directory: Path, dynamic: str) -> Iterator[tuple[Instance, int]]:
    port = free_port()
    (directory / "dynamic.yml").write_text(dynamic)
    config = directory / "trafficcop.yml"
    config.write_text(STATIC.format(port=port, dynamic=directory / "dynamic.yml"))
    instance = Instance(config)
    try:
        instance.wait_serving()
        yield instance, port
    finally:
        instance.stop()


@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_certificate_is_renewed(tmp_path: Path, is_replaced: bool) -> None:
    old, new = make("a.example.com"), make("a.example.com")
    cert, key = old.write(tmp_path, "a")
    with serving(tmp_path, f"tls: {{certificates: [{{certFile: '{cert}', keyFile: '{key}'}}]}}\n") as (_, port):
        assert certificate_of(port, "a.example.com") == old.der
        if is_replaced:  # as certbot and others do: moved over the old ones
            for path, data in ((cert, new.pem), (key, new.key_pem)):
                Path(path + ".new").write_bytes(data)
                os.replace(path + ".new", path)
        else:
            new.write(tmp_path, "a")
        until(lambda: certificate_of(port, "a.example.com") == new.der, "the new certificate")


def test_the_bad_ones_are_left_out(tmp_path: Path) -> None:
    good, other = make("good.example.com"), make("other.example.com")
    expired = make("expired.example.com", days=(-30, -1))
    pairs = {name: made.write(tmp_path, name) for name, made in (("g", good), ("o", other), ("e", expired))}
    (tmp_path / "garbage").write_text("no key")
    cases = [
        (pairs["o"][0], pairs["g"][1]),
        (pairs["o"][0], str(tmp_path / "garbage")),
        (pairs["o"][0], str(tmp_path / "missing.key")),
        pairs["g"],
        pairs["e"],
    ]
    lines = "\n".join(f"  - {{certFile: '{cert}', keyFile: '{key}'}}" for cert, key in cases)
    with serving(tmp_path, f"tls:\n  certificates:\n{lines}\n") as (instance, port):
        assert certificate_of(port, "good.example.com") == good.der
        assert certificate_of(port, "expired.example.com") == expired.der
        assert certificate_of(port, "other.example.com") not in (b"", other.der)
        log = instance.log()
        for index, text in enumerate(("the private key does not belong", "holds no private key", "there is no file")):
            assert any(
                f"dynamic.yml:{3 + index}:" in line and f"tls.certificates[{index}].keyFile" in line and text in line
                for line in log.splitlines()
            ), log
        assert "the certificate has expired on" in log
        assert "no key" not in log.replace("holds no", "")
