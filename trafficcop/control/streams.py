"""TCP objects, and what UDP ones share with them: what can be checked before they serve (`pkg/server/router/tcp`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trafficcop.config.stream import (
    TCPMiddleware,
    TCPRouter,
    TCPServer,
    TCPServersTransport,
    TCPService,
    UDPRouter,
    UDPServer,
    UDPService,
)
from trafficcop.control.entry_point_models import EntryPoints
from trafficcop.control.internal import MAX_USER_PRIORITY
from trafficcop.control.ledger import Entry, Ledger
from trafficcop.control.merge import DEFAULT
from trafficcop.control.names import is_internal, provider_of, qualify, qualify_all
from trafficcop.control.rule_book import RuleBook
from trafficcop.control.services import MULTI
from trafficcop.rules.domains import default_priority, domains
from trafficcop.rules.errors import RuleError

TCP_ROUTERS = ("tcp", "routers")
TCP_SERVICES = ("tcp", "services")
TCP_MIDDLEWARES = ("tcp", "middlewares")
_DEEPEST = 100


class StreamRouter(Entry[TCPRouter]):
    """A TCP router while it is checked."""

    __slots__ = ("entry_points", "middlewares", "priority", "using")

    def __init__(self, name: str, config: TCPRouter) -> None:
        super().__init__(TCP_ROUTERS, name, config)
        self.entry_points: tuple[str, ...] = config.entry_points
        self.middlewares = qualify_all(config.middlewares, provider_of(name))
        self.priority = config.priority
        self.using: list[str] = []


class StreamServices:
    """Checks the services of TCP or of UDP, each once."""

    def __init__(
        self,
        entries: Mapping[str, Entry[TCPService]] | Mapping[str, Entry[UDPService]],
        transports: Mapping[str, TCPServersTransport],
        ledger: Ledger,
        kind: str,
    ) -> None:
        self.entries: Mapping[str, Entry[TCPService] | Entry[UDPService]] = dict(entries)
        self._transports = transports
        self._ledger = ledger
        self._article = "the UDP service" if kind == "udp" else "the service"
        self._stack: list[str] = []
        self._results: dict[str, str] = {}

    def check(self, name: str) -> str:
        """Why the service (qualified) cannot be used, "" when it can."""
        if name in self._results:
            return self._results[name]
        entry = self.entries.get(name)
        if entry is None:
            return f'{self._article} "{name}" does not exist'
        if entry.is_disabled:
            return ", ".join(entry.errors)
        if name in self._stack or len(self._stack) >= _DEEPEST:
            trail = "->".join(f"service:{one}" for one in [*self._stack, name])
            return self._ledger.fail(entry, f"could not instantiate service {name}: recursion detected in {trail}")
        self._stack.append(name)
        result = self._check(entry)
        self._stack.pop()
        self._results[name] = result
        return result

    def check_named(self, owner: Entry[TCPRouter] | Entry[UDPRouter], service: str) -> None:
        """Check the service that a router names."""
        name = qualify(service, provider_of(owner.name))
        error = self.check(name)
        if error:
            owner.blame(error)
            if name not in self.entries:
                self._ledger.tell(owner, error + self._ledger.suggest(name, self.entries), "service")

    def _check(self, entry: Entry[TCPService] | Entry[UDPService]) -> str:
        service = entry.config
        if service.load_balancer is not None and service.weighted is not None:
            return self._ledger.fail(entry, MULTI)
        if service.weighted is not None:
            for index, child in enumerate(service.weighted.services):
                name = qualify(child.name, provider_of(entry.name))
                error = self.check(name)
                if error:
                    if name not in self.entries:
                        near = self._ledger.suggest(name, self.entries)
                        self._ledger.tell(entry, error + near, "weighted", "services", index, "name")
                    return error
            return ""
        if service.load_balancer is None:
            return self._ledger.fail(entry, f'{self._article} "{entry.name}" does not have any type defined')
        return self._check_balancer(entry)

    def _check_balancer(self, entry: Entry[TCPService] | Entry[UDPService]) -> str:
        service = entry.config
        servers: Iterable[TCPServer | UDPServer] = ()
        if service.load_balancer is not None:
            servers = service.load_balancer.servers
        for index, server in enumerate(servers):
            if not has_port(server.address):
                # Traefik leaves such a server out and goes on with the others.
                text = f'address "{server.address}" is not host:port: this server is left out'
                self._ledger.tell(entry, text, "loadBalancer", "servers", index, "address")
        if isinstance(service, TCPService) and service.load_balancer is not None:
            given = service.load_balancer.servers_transport
            name = qualify(given, provider_of(entry.name))
            if given and name not in self._transports:
                text = f'no transport configuration found for "{name}"'
                return self._ledger.fail(entry, text, "loadBalancer", "serversTransport")
        return ""


def has_port(address: str) -> bool:
    """Whether an address is `host:port`, an IPv6 host in brackets."""
    host, colon, _ = address.rpartition(":")
    return bool(colon) and (":" not in host or (host.startswith("[") and host.endswith("]")))


def check_tcp_routers(
    routers: Mapping[str, StreamRouter],
    entry_points: EntryPoints,
    services: StreamServices,
    middlewares: Mapping[str, Entry[TCPMiddleware]],
    tls_options: Mapping[str, str],
    rules: RuleBook,
    ledger: Ledger,
) -> None:
    for entry in routers.values():
        if entry.is_disabled:
            continue
        entry.entry_points = entry.entry_points or entry_points.defaults
        entry.using = bound(entry, entry.entry_points, entry_points.tcp, ledger)
        if entry.config.service:
            services.check_named(entry, entry.config.service)
        else:
            ledger.fail(entry, "the service is missing on the router")
        _check_rule(entry, entry_points.rule_syntax, rules, ledger)
        _check_tls(entry, tls_options, ledger)
        _check_middlewares(entry, middlewares, ledger)


def bound(
    entry: Entry[TCPRouter] | Entry[UDPRouter], wanted: tuple[str, ...], known: frozenset[str], ledger: Ledger
) -> list[str]:
    """The entry points that exist, of those a router wants."""
    using: set[str] = set()
    for index, name in enumerate(wanted):
        if name in known:
            using.add(name)
            continue
        text = f'entryPoint "{name}" doesn\'t exist'
        entry.blame(text, is_critical=False)
        ledger.tell(entry, text + ledger.suggest(name, known), "entryPoints", index)
    if not using:
        text = "no valid entryPoint for this router"
        if entry.errors:
            entry.blame(text)
        else:
            ledger.fail(entry, text)
    return sorted(using)


def _check_rule(entry: StreamRouter, default_syntax: str, rules: RuleBook, ledger: Ledger) -> None:
    router = entry.config
    if not router.rule:
        ledger.fail(entry, "router has no rule")
        return
    if entry.priority == 0:
        entry.priority = default_priority(router.rule, "tcp")
    if entry.priority > MAX_USER_PRIORITY and not is_internal(entry.name):
        text = f"the router priority {entry.priority} exceeds the max user-defined priority {MAX_USER_PRIORITY}"
        ledger.fail(entry, text, "priority")
    try:
        node = rules.parse(router.rule, "tcp", "v2" if (router.rule_syntax or default_syntax) == "v2" else "v3")
    except RuleError as error:
        entry.blame(f"error while parsing rule {router.rule}: {error.message}")
        column = error.column if error.line == 1 else 0
        ledger.tell_inside(entry, error.message, "rule", router.rule, column)
        return
    names = domains(node)
    if names and names[0] != "*" and router.tls is None:
        text = f'invalid rule: "{router.rule}" , has HostSNI matcher, but no TLS on router'
        ledger.fail(entry, text, "rule")


def _check_tls(entry: StreamRouter, tls_options: Mapping[str, str], ledger: Ledger) -> None:
    tls = entry.config.tls
    if tls is None or tls.passthrough:
        return
    name = qualify(tls.options, provider_of(entry.name)) if tls.options and tls.options != DEFAULT else DEFAULT
    error = tls_options.get(name)
    if error is None:
        text = f"unknown TLS options: {name}"
        entry.blame(text)
        ledger.tell(entry, text + ledger.suggest(name, tls_options), "tls", "options")
    elif error:
        entry.blame(f"building TLS config: {error}")


def _check_middlewares(entry: StreamRouter, middlewares: Mapping[str, Entry[TCPMiddleware]], ledger: Ledger) -> None:
    for index, name in enumerate(entry.middlewares):
        found = middlewares.get(name)
        if found is None:
            text = f'middleware "{name}" does not exist'
            entry.blame(text)
            ledger.tell(entry, text + ledger.suggest(name, middlewares), "middlewares", index)
            continue
        if not found.is_disabled:
            error = middleware_error(found)
            if error:
                ledger.fail(found, error)
        if found.is_disabled:
            entry.blame(", ".join(found.errors))


def middleware_error(entry: Entry[TCPMiddleware]) -> str:
    config = entry.config
    if config.in_flight_conn is None and config.ip_allow_list is None and config.ip_white_list is None:
        text = f'invalid middleware "{entry.name}" configuration: '
        return text + "invalid middleware type or middleware does not exist"
    ranges = config.ip_allow_list or config.ip_white_list
    if ranges is not None and not ranges.source_range:
        return "sourceRange is empty, IPAllowLister not created"
    return ""
