"""Sprig's functions on hashes, passwords and encryption."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import zlib

import bcrypt
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.quoting import from_bytes, to_bytes
from trafficcop.gotemplate.values import LARGEST_LIST, FunctionError

CRYPTO = Family()
add = CRYPTO.add

# SHA-1 is what the function is named for.
add("sha1sum", "string", lambda text: hashlib.sha1(to_bytes(text), usedforsecurity=False).hexdigest())
add("sha256sum", "string", lambda text: hashlib.sha256(to_bytes(text)).hexdigest())
add("sha512sum", "string", lambda text: hashlib.sha512(to_bytes(text)).hexdigest())
add("adler32sum", "string", lambda text: str(zlib.adler32(to_bytes(text))))

# So that a loop over what takes a tenth of a second ends within half a minute.
SLOW = 10_000


@CRYPTO("bcrypt", "string", cost=SLOW)
def hash_password(text: str) -> str:
    content = to_bytes(text)
    if len(content) > 72:
        return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
    return bcrypt.hashpw(content, bcrypt.gensalt(10, b"2a")).decode()


@CRYPTO("htpasswd", "string string", cost=SLOW)
def htpasswd(user: str, password: str) -> str:
    return f"invalid username: {user}" if ":" in user else f"{user}:{hash_password(password)}"


@CRYPTO("randBytes", "int", cost=100)
def random_bytes(count: int) -> str:
    if not 0 <= count <= LARGEST_LIST:
        raise FunctionError(f"cannot make {count} random bytes")
    return base64.b64encode(secrets.token_bytes(count)).decode()


_TEMPLATES = {
    "maximum": "anoxxxxxxxxxxxxxxxxx axxxxxxxxxxxxxxxxxno",
    "long": (
        "CvcvnoCvcvCvcv CvcvCvcvnoCvcv CvcvCvcvCvcvno CvccnoCvcvCvcv CvccCvcvnoCvcv CvccCvcvCvcvno CvcvnoCvccCvcv"
        " CvcvCvccnoCvcv CvcvCvccCvcvno CvcvnoCvcvCvcc CvcvCvcvnoCvcc CvcvCvcvCvccno CvccnoCvccCvcv CvccCvccnoCvcv"
        " CvccCvccCvcvno CvcvnoCvccCvcc CvcvCvccnoCvcc CvcvCvccCvccno CvccnoCvcvCvcc CvccCvcvnoCvcc CvccCvcvCvccno"
    ),
    "medium": "CvcnoCvc CvcCvcno",
    "short": "Cvcn",
    "basic": "aaanaaan aannaaan aaannaaa",
    "pin": "nnnn",
}
_LETTERS = {
    "V": "AEIOU",
    "C": "BCDFGHJKLMNPQRSTVWXYZ",
    "v": "aeiou",
    "c": "bcdfghjklmnpqrstvwxyz",
    "a": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
    "n": "0123456789",
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
}


@CRYPTO("derivePassword", "int string string string string", cost=SLOW)
def derive_password(counter: int, kind: str, password: str, user: str, site: str) -> str:
    """A password of the Master Password algorithm."""
    if kind not in _TEMPLATES:
        return f"cannot find password template {kind}"
    seed = b"com.lyndir.masterpassword"
    salt = seed + _counted(user)
    key = hashlib.scrypt(to_bytes(password), salt=salt, n=32768, r=8, p=2, maxmem=2**27, dklen=64)
    digest = hmac.digest(key, seed + _counted(site) + counter.to_bytes(4, "big"), "sha256")
    templates = _TEMPLATES[kind].split()
    chosen = templates[digest[0] % len(templates)]
    return "".join(
        _LETTERS[letter][number % len(_LETTERS[letter])] for letter, number in zip(chosen, digest[1:], strict=False)
    )


def _counted(text: str) -> bytes:
    content = to_bytes(text)
    return len(content).to_bytes(4, "big") + content


def _key(password: str) -> bytes:
    return to_bytes(password)[:32].ljust(32, b"\0")


@CRYPTO("encryptAES", "string string", cost=20)
def encrypt(password: str, text: str) -> str:
    """AES-256-CBC with a random vector in front, in base64."""
    padder = padding.PKCS7(128).padder()
    content = padder.update(to_bytes(text)) + padder.finalize()
    vector = secrets.token_bytes(16)
    encryptor = Cipher(algorithms.AES(_key(password)), modes.CBC(vector)).encryptor()
    return base64.b64encode(vector + encryptor.update(content) + encryptor.finalize()).decode()


@CRYPTO("decryptAES", "string string", cost=20)
def decrypt(password: str, text: str) -> str:
    content = base64.b64decode(to_bytes(text), validate=True)
    if len(content) < 32 or len(content) % 16:
        raise FunctionError("crypto/cipher: input not full blocks")
    decryptor = Cipher(algorithms.AES(_key(password)), modes.CBC(content[:16])).decryptor()
    padded = decryptor.update(content[16:]) + decryptor.finalize()
    return from_bytes(padded[: len(padded) - padded[-1]])
