"""Arguments of matchers as the wire has them, refused where they can never be meant."""

from __future__ import annotations

from trafficcop.http.addresses import Range, address_range
from trafficcop.rules.errors import RuleError


def octets(text: str) -> bytes:
    """An argument as bytes; what came from `"\\xff"` becomes that byte again (PEP 383)."""
    return text.encode("utf-8", "surrogateescape")


def host(text: str, matcher: str, argument: int = 0) -> bytes:
    """A host or an expression for hosts: ASCII, because hosts travel as punycode (RFC 5891). RuleError otherwise."""
    if not text.isascii():
        raise RuleError(
            f"invalid value {text!r} for {matcher} matcher, non-ASCII characters are not allowed: write it as punycode",
            argument=argument,
        )
    return text.encode()


def path(text: str, matcher: str, argument: int = 0) -> bytes:
    """A path as it stands in a request; RuleError if it has no slash at its beginning."""
    if not text.startswith("/"):
        raise RuleError(f"{matcher}: path {text!r} does not start with a '/'", argument=argument)
    return octets(text)


def ranges(texts: tuple[str, ...], matcher: str) -> list[Range]:
    """Addresses and CIDR ranges; RuleError at the first text that is neither."""
    found = []
    for index, text in enumerate(texts):
        try:
            found.append(address_range(text))
        except ValueError as error:
            raise RuleError(f"{matcher}: {error}", argument=index) from None
    return found


def spellings(name: bytes) -> set[bytes]:
    """What a host in a rule stands for: a dot at the end may be there or not, on either side."""
    found = {name, name + b"."}
    if name.endswith(b"."):
        found.add(name[:-1])
    return found
