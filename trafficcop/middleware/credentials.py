"""Lists of users, and the password hashes that `htpasswd` writes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import os
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final

import bcrypt

from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)

_BCRYPT: Final = (b"$2a$", b"$2b$", b"$2x$", b"$2y$")
_BCRYPT_LIMIT: Final = 72  # what bcrypt looks at; more is ignored, as everywhere else
_ALPHABET: Final = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def load_users(file_name: str, users: tuple[str, ...], parse: Callable[[str], tuple[str, str]]) -> dict[bytes, bytes]:
    """Name to secret, from a file (one a line, `#` comments) and from a list that wins over it.

    ValueError for a file that cannot be read, for what `parse` refuses, and if there is nobody.
    """
    lines: list[str] = []
    if file_name:
        try:
            text = Path(file_name).read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"open {file_name}: {(error.strerror or 'cannot be read').lower()}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{file_name} is not text") from None
        lines = [line for line in map(str.strip, text.split("\n")) if line and not line.startswith("#")]
    result = {}
    for line in (*lines, *users):
        name, secret = parse(line)
        result[name.encode()] = secret.encode()
    if not result:
        raise ValueError(f"no users found in {file_name}")
    return result


class Users:
    """Names and secrets, read again when the file has changed: looked at once a second, when somebody asks."""

    __slots__ = ("_file_name", "_lines", "_next_look", "_parse", "_stamp", "secrets")

    def __init__(self, file_name: str, lines: tuple[str, ...], parse: Callable[[str], tuple[str, str]]) -> None:
        self._file_name = file_name
        self._lines = lines
        self._parse = parse
        self._stamp = _stamp(file_name)
        self._next_look = monotonic() + 1.0 if file_name else math.inf
        self.secrets = load_users(file_name, lines, parse)

    def is_changed(self) -> bool:
        """Whether `secrets` are others than before. A file that cannot be used changes nothing."""
        now = monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + 1.0
        stamp = _stamp(self._file_name)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            secrets = load_users(self._file_name, self._lines, self._parse)
        except ValueError as error:
            _log.error("users stay as they were: %s", error)
            return False
        is_changed = secrets != self.secrets
        self.secrets = secrets
        return is_changed


def _stamp(file_name: str) -> tuple[int, int, int] | None:
    """What changes with a file's content."""
    if not file_name:
        return None
    try:
        status = os.stat(file_name)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def is_password(password: bytes, secret: bytes) -> bool:
    """Whether a password has that hash: bcrypt, `{SHA}`, or MD5-crypt of any magic (`$apr1$`, `$1$`)."""
    if secret.startswith(b"{SHA}"):
        digest = base64.b64encode(hashlib.sha1(password, usedforsecurity=False).digest())
        return hmac.compare_digest(digest, secret[5:])
    if secret.startswith(_BCRYPT):
        try:
            return bcrypt.checkpw(password[:_BCRYPT_LIMIT], secret)
        except ValueError:  # the hash is malformed
            return False
    parts = secret.split(b"$", 3)
    if len(parts) != 4:
        return False
    return hmac.compare_digest(md5_crypt(password, parts[2], b"$" + parts[1] + b"$"), secret)


def md5_crypt(password: bytes, salt: bytes, magic: bytes) -> bytes:
    """The MD5-crypt of FreeBSD, and of Apache with its own magic. Python's `crypt` is gone since 3.13."""
    final = _md5(password + salt + password)
    start = password + magic + salt + (final * (len(password) // 16 + 1))[: len(password)]
    length = len(password)
    while length:
        start += b"\x00" if length & 1 else password[:1]
        length >>= 1
    digest = _md5(start)
    for turn in range(1000):
        text = password if turn & 1 else digest
        if turn % 3:
            text += salt
        if turn % 7:
            text += password
        digest = _md5(text + (digest if turn & 1 else password))
    return magic + salt + b"$" + _encode(digest)


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _encode(digest: bytes) -> bytes:
    groups = [(digest[i] << 16 | digest[i + 6] << 8 | digest[i + 12 if i < 4 else 5], 4) for i in range(5)]
    groups.append((digest[11], 2))
    text = bytearray()
    for value, count in groups:
        for _ in range(count):
            text.append(_ALPHABET[value & 63])
            value >>= 6
    return bytes(text)
