"""Which certificate a server name gets (Traefik `pkg/tls/certificate_store.go`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class CertificateStore(Generic[T]):
    """Certificates by the names they are for.

    A certificate's key is the list of its names, sorted and joined. Keys are tried in descending order; one matches if
    a name of it is the server name, or is it with a star for its first label. Both are dictionaries here.
    """

    __slots__ = ("_exact", "_ranked", "_wild", "default")

    def __init__(self, certificates: Iterable[tuple[tuple[str, ...], T]], default: T | None) -> None:
        by_key: dict[str, T] = {}
        for names, certificate in certificates:
            by_key.setdefault(",".join(sorted(names)), certificate)
        self.default = default
        self._exact: dict[str, int] = {}
        self._wild: dict[str, int] = {}
        self._ranked: list[T] = []
        for rank, key in enumerate(sorted(by_key, reverse=True)):
            self._ranked.append(by_key[key])
            for name in key.split(","):
                self._exact.setdefault(name, rank)
                self._wild.setdefault(name.rstrip("."), rank)

    def find(self, server_name: str) -> T | None:
        """The certificate for a name in lower case, None when there is none but the default."""
        last = len(self._ranked)
        exact = self._exact.get(server_name, last)
        wild = self._wild.get("*" + server_name[_label_end(server_name) :], last)
        best = min(wild, exact)
        return self._ranked[best] if best < last else None


def _label_end(name: str) -> int:
    dot = name.find(".")
    return len(name) if dot < 0 else dot
