"""TCP objects, and what UDP ones share with them: what can be checked before they serve (`pkg/server/router/tcp`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from trafficcop.config.stream import (
    TCPLoadBalancer,
    TCPMiddleware,
    TCPRouter,
    TCPServer,
    TCPServersTransport,
    TCPService,
    TCPTransportTLS,
    TCPWeighted,
    UDPRouter,
    UDPServer,
    UDPService,
    UDPWeighted,
)
from trafficcop.control.checks.tcp import mistakes
from trafficcop.control.entry_point_models import EntryPoints
from trafficcop.control.internal import MAX_USER_PRIORITY
from trafficcop.control.ledger import Entry, Ledger
from trafficcop.control.merge import DEFAULT
from trafficcop.control.names import is_internal, provider_of, qualify, qualify_all
from trafficcop.control.rule_book import RuleBook
from trafficcop.control.services import MULTI
from trafficcop.http.addresses import address_range
from trafficcop.rules.ast import Node
from trafficcop.rules.domains import default_priority, domains
from trafficcop.rules.errors import RuleError, without_guess
from trafficcop.rules.names import Syntax

TCP_ROUTERS = ("tcp", "routers")
TCP_SERVICES = ("tcp", "services")
TCP_MIDDLEWARES = ("tcp", "middlewares")
CATCH_ALL = "HostSNI(`*`)"  # `*` alone means it too, as a rule of our own
_DEEPEST = 100
_OTHER_PROTOCOL = " for this protocol (the address of one for UDP ends with /udp)"


class StreamRouter(Entry[TCPRouter]):
    """A TCP router while it is checked."""

    __slots__ = ("entry_points", "is_closing", "middlewares", "priority", "rule", "syntax", "using")

    def __init__(self, name: str, config: TCPRouter) -> None:
        super().__init__(TCP_ROUTERS, name, config)
        self.rule: Node | None = None
        self.syntax: Syntax = "v3"
        self.is_closing = False  # its TLS options are broken: what its rule takes is closed
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
        *,
        has_spiffe: bool = False,
    ) -> None:
        self.entries: Mapping[str, Entry[TCPService] | Entry[UDPService]] = dict(entries)
        self._transports = transports
        self._ledger = ledger
        self._article = "the UDP service" if kind == "udp" else "the service"
        self._has_spiffe = has_spiffe
        self._stack: list[str] = []
        self._results: dict[str, str] = {}

    def usable(self) -> Iterator[str]:
        """The names of those that were checked and are good."""
        return (name for name, error in self._results.items() if not error)

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
            return self._check_weighted(entry, service.weighted)
        if service.load_balancer is None:
            return self._ledger.fail(entry, f'{self._article} "{entry.name}" does not have any type defined')
        return self._check_balancer(entry)

    def _check_weighted(self, entry: Entry[TCPService] | Entry[UDPService], weighted: TCPWeighted | UDPWeighted) -> str:
        for index, child in enumerate(weighted.services):
            name = qualify(child.name, provider_of(entry.name))
            error = self.check(name)
            if error:
                if name not in self.entries:
                    near = self._ledger.suggest(name, self.entries)
                    self._ledger.tell(entry, error + near, "weighted", "services", index, "name")
                return error
            if isinstance(weighted, TCPWeighted) and weighted.health_check is not None:
                error = self._updater_error(name)
                if error:
                    text = f"cannot register {child.name} as updater for {entry.name}: {error}"
                    return self._ledger.fail(entry, text, "weighted", "services", index, "name")
        return ""

    def _updater_error(self, name: str) -> str:
        """Why a service cannot tell its parents that it went down, "" when it can (`pkg/tcp/wrr_load_balancer.go`)."""
        config = self.entries[name].config
        if isinstance(config, TCPService):
            kind = config.load_balancer if config.load_balancer is not None else config.weighted
            if kind is not None and kind.health_check is not None:
                return ""
        return "healthCheck not enabled in config for this weighted service"

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
            if service.load_balancer.health_check is not None:
                for option, mistake in mistakes(service.load_balancer.health_check):
                    self._ledger.tell(entry, mistake, "loadBalancer", "healthCheck", option)
            return self._check_transport(entry, service.load_balancer)
        return ""

    def _check_transport(self, entry: Entry[TCPService] | Entry[UDPService], balancer: TCPLoadBalancer) -> str:
        given = balancer.servers_transport
        name = qualify(given, provider_of(entry.name)) if given else "default@internal"
        transport = self._transports.get(name)
        option = ("loadBalancer", "serversTransport")
        if transport is None:
            return self._ledger.fail(entry, f'no transport configuration found for "{name}"', *option)
        header = transport.proxy_protocol if given else balancer.proxy_protocol
        if header is not None and header.version not in (1, 2):
            option = option if given else ("loadBalancer", "proxyProtocol")
            return self._ledger.fail(entry, f"unknown proxyProtocol version: {header.version}", *option)
        if transport.tls is not None and transport.tls.spiffe is not None:
            if not self._has_spiffe:
                text = "SPIFFE is enabled for this transport, but not configured"
                return self._ledger.fail(entry, text, *option)
            if replace(transport.tls, spiffe=None) != TCPTransportTLS():
                text = "TLS and SPIFFE configuration cannot be defined at the same time"
                return self._ledger.fail(entry, text, *option)
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
    """Everything that can be wrong with TCP routers; what is found stands at their entries and in the ledger."""
    for entry in routers.values():
        if entry.is_disabled:
            continue
        entry.entry_points = entry.entry_points or entry_points.defaults
        if entry_points.rule_syntax and not entry.config.rule_syntax:
            entry.config = replace(entry.config, rule_syntax=entry_points.rule_syntax)
        entry.using = bound(entry, entry.entry_points, entry_points.tcp, entry_points.udp, ledger)
        count = len(entry.errors)
        if not entry.config.service:
            ledger.fail(entry, "the service is missing on the router")
        _check_rule(entry, rules, ledger)
        if entry.config.service:
            services.check_named(entry, entry.config.service)
        _check_middlewares(entry, middlewares, ledger)
        _check_tls(entry, tls_options, ledger)
        del entry.errors[count + 1 :]  # all of them are told; the API shows the one that stopped Traefik


def bound(
    entry: Entry[TCPRouter] | Entry[UDPRouter],
    wanted: tuple[str, ...],
    known: frozenset[str],
    others: frozenset[str],
    ledger: Ledger,
) -> list[str]:
    """The entry points that exist, of those a router wants. `others` are for the other protocol."""
    using: set[str] = set()
    for index, name in enumerate(wanted):
        if name in known:
            using.add(name)
            continue
        text = f'entryPoint "{name}" doesn\'t exist'
        entry.blame(text, is_critical=False)
        near = _OTHER_PROTOCOL if name in others else ledger.suggest(name, known)
        ledger.tell(entry, text + near, "entryPoints", index)
    if not using:
        text = "no valid entryPoint for this router"
        if entry.errors:
            entry.blame(text)
        else:
            ledger.fail(entry, text)
    return sorted(using)


def _check_rule(entry: StreamRouter, rules: RuleBook, ledger: Ledger) -> None:
    router = entry.config
    if not router.rule:
        ledger.fail(entry, "router has no rule")
        return
    text = CATCH_ALL if router.rule.strip() == "*" else router.rule
    if entry.priority == 0:
        entry.priority = default_priority(text, "tcp")
    is_too_high = entry.priority > MAX_USER_PRIORITY and not is_internal(entry.name)
    if is_too_high:
        message = f"the router priority {entry.priority} exceeds the max user-defined priority {MAX_USER_PRIORITY}"
        ledger.fail(entry, message, "priority")
    entry.syntax = "v2" if router.rule_syntax == "v2" else "v3"
    try:
        node = rules.parse(text, "tcp", entry.syntax)
    except RuleError as error:
        entry.blame(f'invalid rule: "{router.rule}" , {without_guess(error.message)}')
        column = error.column if error.line == 1 else 0
        ledger.tell_inside(entry, error.message, "rule", router.rule, column)
        return
    names = domains(node)
    if names and names[0] != "*" and router.tls is None:
        message = f'invalid rule: "{router.rule}" , has HostSNI matcher, but no TLS on router'
        ledger.fail(entry, message, "rule")
    elif not is_too_high:
        entry.rule = node


def options_name(entry: StreamRouter) -> str:
    """The qualified name of the TLS options of a router."""
    tls = entry.config.tls
    given = "" if tls is None else tls.options
    return qualify(given, provider_of(entry.name)) if given and given != DEFAULT else DEFAULT


def _check_tls(entry: StreamRouter, tls_options: Mapping[str, str], ledger: Ledger) -> None:
    tls = entry.config.tls
    if tls is None or tls.passthrough:
        return
    name = options_name(entry)
    error = tls_options.get(name)
    # As in Traefik the clients it would have taken are not left to other routers, which mean less safety perhaps.
    entry.is_closing = error != "" and entry.rule is not None and entry.config.service != ""
    if error is None:
        text = f"unknown TLS options: {name}"
        entry.blame(text)
        ledger.tell(entry, text + ledger.suggest(name, tls_options), "tls", "options")
    elif error:
        entry.blame(f"building TLS config: {error}")


def _check_middlewares(entry: StreamRouter, middlewares: Mapping[str, Entry[TCPMiddleware]], ledger: Ledger) -> None:
    """From the end, as a chain is built."""
    for index, name in reversed(list(enumerate(entry.middlewares))):
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
    """Why a TCP middleware cannot be built, in Traefik's words; "" if it can."""
    config = entry.config
    if config.in_flight_conn is None and config.ip_allow_list is None and config.ip_white_list is None:
        text = f'invalid middleware "{entry.name}" configuration: '
        return text + "invalid middleware type or middleware does not exist"
    ranges = config.ip_allow_list or config.ip_white_list
    if ranges is None:
        return ""
    what = "IPAllowLister" if config.ip_allow_list is not None else "IPWhiteLister"
    if not ranges.source_range:
        return f"sourceRange is empty, {what} not created"
    for text in ranges.source_range:
        try:
            address_range(text)
        except ValueError:
            given = " ".join(ranges.source_range)
            return f"cannot parse CIDRs [{given}]: parsing CIDR trusted IPs <nil>: invalid CIDR address: {text}"
    return ""
