"""What becomes of a connection before there is a request on it: TCP routers, TLS options, the certificate.

The order is that of `server/preface.py` (Traefik `pkg/server/router/tcp/router.go`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from trafficcop.control.explain.index import PlanIndex
from trafficcop.control.explain.question import Question
from trafficcop.control.explain.rules import text_of
from trafficcop.control.explain.streams import StreamServices
from trafficcop.plan.model import Plan
from trafficcop.plan.streams import TCPRouterPlan
from trafficcop.router.tcp import TCPRouter
from trafficcop.rules.tcp_matchers import TCPFacts
from trafficcop.tls.contexts import ServerOptions
from trafficcop.tls.store import CertificateStore
from trafficcop.tls.table import DEFAULT

Object = dict[str, Any]

# What clients offer nowadays (RFC 7301).
_ALPN = ("h2", "http/1.1")
_OPEN = ("NoClientCert", "")


class Connection(NamedTuple):
    """`shown`: what there is to tell. `options`: by which TLS is spoken. `result`: set if it is not for HTTP."""

    shown: Object
    options: str
    result: Object | None


def connect(question: Question, index: PlanIndex, entry_point: str, services: StreamServices) -> Connection:
    """What the first bytes of the connection lead to."""
    plan, peer_ip = index.plan, question.peer_ip
    streams = [router for router in plan.tcp_routers if router.entry_point == entry_point]
    plain = [router for router in streams if not router.is_tls]
    secure = [router for router in streams if router.is_tls]
    is_immediate = bool(plain) and not secure and not index.has_https(entry_point)
    if is_immediate or not question.is_tls:
        taker = _find(plain, TCPFacts(peer_ip=peer_ip))
        if taker is not None:
            return _taken(taker, {}, services)
    if not question.is_tls:
        return Connection({}, "", None)
    hosts = index.table(entry_point)
    options = hosts.find(question.server_name)
    if options is None:
        taker = _find(secure, TCPFacts(question.server_name, _ALPN, peer_ip))
        if taker is not None and (not taker.is_catch_all or hosts.catch_all is None):
            if taker.is_passthrough:
                return _taken(taker, {}, services)
            return _taken(taker, _tls(question, plan, taker.tls_options), services)
        options = DEFAULT if hosts.catch_all is None else hosts.catch_all
    shown = _tls(question, plan, options)
    refused = shown.get("refused")
    result = None if refused is None else {"kind": "closed", "by": "TLS", "why": refused}
    return Connection({"tls": shown}, options, result)


def _find(routers: Iterable[TCPRouterPlan], facts: TCPFacts) -> TCPRouterPlan | None:
    index: TCPRouter[TCPRouterPlan] = TCPRouter()
    for _ in index.index([(router, router) for router in routers]):
        pass
    return index.find(facts)


def _taken(router: TCPRouterPlan, tls: Object, services: StreamServices) -> Connection:
    shown: Object = {"name": router.name, "rule": text_of(router.rule), "priority": router.priority}
    shown["middlewares"] = list(router.middlewares)
    if router.service:
        shown["service"] = services.tree(router.service)
    if router.is_tls:
        shown["passthrough"] = router.is_passthrough
    result: Object = {"kind": "tcp", "router": router.name, "service": router.service}
    if not router.service:
        result = {"kind": "closed", "by": "TCP router", "name": router.name, "why": "its TLS options are broken"}
    elif "refused" in tls:
        result = {"kind": "closed", "by": "TLS", "why": tls["refused"]}
    return Connection({"tcpRouter": shown} | ({"tls": tls} if tls else {}), "", result)


def _tls(question: Question, plan: Plan, name: str) -> Object:
    """The handshake under some options: `refused` says why there is none."""
    shown: Object = {"serverName": question.server_name, "options": name}
    options = plan.tls.options.get(name)
    if options is None:
        why = f"the TLS options {name} cannot be used" if name else "the TLS options for this name cannot be used"
        return shown | {"refused": why}
    if options.client_auth not in _OPEN:
        shown["clientAuth"] = options.client_auth
    if options.alpn and "h2" not in options.alpn and "http/1.1" not in options.alpn:
        return shown | {"refused": f"no protocol in common: the options have {', '.join(options.alpn)}"}
    return shown | _certificate(question, plan, options)


def _certificate(question: Question, plan: Plan, options: ServerOptions) -> Object:
    store = CertificateStore(((one.names, one) for one in plan.certificates), plan.tls.default)
    # A client that names no server gets the certificate for the address it has come to.
    found = store.find(question.server_name or question.parts.hostname or "")
    if found is not None:
        return {"certificate": list(found.names)}
    if options.is_strict:
        return {"refused": "no certificate for this name, and sniStrict is set"}
    if plan.tls.is_default_broken:
        return {"refused": "no certificate for this name, and the default certificate cannot be used"}
    return {"certificate": "default"}
