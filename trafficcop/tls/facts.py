"""What is known of a connection that came through TLS: for routers, middlewares and logs."""

from __future__ import annotations

from trafficcop.tls.engine import Engine
from trafficcop.tls.names import VERSION_LABELS, cipher_label


class TLSFacts:
    """Worked out when somebody asks: most connections are never looked at."""

    __slots__ = ("_chain", "_cipher", "_engine", "_subject", "_version", "notes", "options", "server_name")

    def __init__(self, engine: Engine, options: str, server_name: str) -> None:
        self._engine = engine
        self.options = options  # the qualified name of the TLS options in force
        self.server_name = server_name
        self.notes: dict[object, bytes] = {}  # lines of fields that middlewares have made of it
        self._version = ""
        self._cipher = ""
        self._chain: tuple[bytes, ...] | None = None
        self._subject: str | None = None

    @property
    def version(self) -> str:
        """`1.2`, `1.3`, …"""
        if not self._version:
            self._version = VERSION_LABELS.get(self._engine.version() or "", "unknown")
        return self._version

    @property
    def cipher(self) -> str:
        """The cipher suite by Traefik's name."""
        if not self._cipher:
            found = self._engine.cipher()
            self._cipher = "unknown" if found is None else cipher_label(found[0])
        return self._cipher

    @property
    def client_chain(self) -> tuple[bytes, ...]:
        """The certificates of the client as DER, its own first; () when it has shown none."""
        if self._chain is None:
            self._chain = self._engine.peer_chain()
        return self._chain

    @property
    def client_subject(self) -> str:
        """The distinguished name of the client's certificate, "" without one."""
        if self._subject is None:
            from trafficcop.tls.subject import subject_of

            self._subject = subject_of(self.client_chain[0]) if self.client_chain else ""
        return self._subject
