"""A rule as alternatives, each a set of conditions that must all hold: the form in which rules are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from trafficcop.rules.arguments import octets, ranges, spellings
from trafficcop.rules.ast import And, Matcher, Node, Or
from trafficcop.rules.atoms import (
    FALSE,
    HOST,
    METHOD,
    PATH,
    PEER,
    PROTOCOL,
    SERVER_NAME,
    TRUE,
    Atom,
    Proofs,
    Subject,
    Test,
)
from trafficcop.rules.conditions import UNSEEN_HEADERS
from trafficcop.rules.names import Kind
from trafficcop.rules.patterns import pattern
from trafficcop.rules.templates import HOST as HOST_TEMPLATE
from trafficcop.rules.templates import PATH as PATH_TEMPLATE
from trafficcop.rules.templates import compile_template, is_literal
from trafficcop.rules.walk import operands

Term = frozenset[Atom]
MOST_TERMS = 2048  # of a rule; one with more is not compared

_Arguments = tuple[str, ...]


class TooManyTermsError(Exception):
    """A rule whose alternatives are too many to be written out."""


class TermReader:
    """Writes rules out as terms. `has_root_paths`: every path begins with a slash, as those of requests do."""

    def __init__(self, proofs: Proofs, kind: Kind, *, has_root_paths: bool = True) -> None:
        self._proofs = proofs
        self.kind = kind
        self._has_root_paths = has_root_paths
        self._leaves: dict[tuple[Matcher, str], list[Term]] = {}

    def terms(self, node: Node, syntax: str) -> list[Term]:
        """The alternatives of a rule that something can fulfil; TooManyTermsError."""
        return self._alternatives(node, syntax)

    def _alternatives(self, node: Node, syntax: str) -> list[Term]:
        if isinstance(node, Matcher):
            known = self._leaves.get((node, syntax))
            if known is None:
                known = self._leaves[node, syntax] = self._leaf(node, syntax)
            return known
        if isinstance(node, Or):
            return _distinct(term for member in operands(node, Or) for term in self._alternatives(member, syntax))
        found: list[Term] = [frozenset()]
        for member in operands(node, And):
            choices = self._alternatives(member, syntax)
            if len(found) * len(choices) > MOST_TERMS:
                raise TooManyTermsError
            found = [joined for term in found for choice in choices if self._is_possible(joined := term | choice)]
        return _distinct(found)

    def _leaf(self, leaf: Matcher, syntax: str) -> list[Term]:
        """A matcher: in the v2 syntax it may be an alternative, or a conjunction, of several conditions."""
        atoms, is_alternative = self._atoms(leaf, syntax)
        if leaf.is_negated:
            atoms, is_alternative = [atom.opposite() for atom in atoms], not is_alternative
        if is_alternative:
            return _distinct(_term([atom]) for atom in atoms if atom != FALSE)
        return [] if FALSE in atoms else [_term(atoms)]

    def _atoms(self, leaf: Matcher, syntax: str) -> tuple[list[Atom], bool]:
        if self.kind == "tcp":
            return [self._stream_atom(leaf, argument, syntax) for argument in leaf.arguments], True
        if syntax != "v2":
            return [self._atom(leaf.name, leaf.arguments)], True
        if leaf.name in ("Headers", "HeadersRegexp"):
            pairs = zip(leaf.arguments[::2], leaf.arguments[1::2], strict=True)
            return [self._atom(leaf.name.replace("Headers", "Header"), pair) for pair in pairs], False
        if leaf.name == "Query":
            return [Atom(Subject("first of query"), "other", frozenset([octets(one)])) for one in leaf.arguments], False
        return [self._atom_v2(leaf.name, argument) for argument in leaf.arguments], True

    def _atom(self, name: str, arguments: _Arguments) -> Atom:
        first = arguments[0]
        if name in ("Path", "PathPrefix"):
            return self._path(name, first)
        if name in _PLAIN:
            return _PLAIN[name](first)
        if name == "HostRegexp":
            fits = pattern(first, name, 0)
            return TRUE if fits(b"") else self._fitting(HOST, first, fits)
        if name == "PathRegexp":
            return self._fitting(PATH, first, pattern(first, name, 0))
        subject = Subject("header" if name.startswith("Header") else "query", _key(name, first), has_many=True)
        if name.startswith("Header") and subject.key in UNSEEN_HEADERS:
            return FALSE
        if name in ("Header", "Query") or len(arguments) == 1:
            return _is(subject, octets(arguments[1]) if len(arguments) > 1 else b"")
        return self._fitting(subject, arguments[1], pattern(arguments[1], name, 1))

    def _atom_v2(self, name: str, argument: str) -> Atom:
        if name == "HostRegexp":
            return self._fitting(
                HOST, f"v2 {argument}", compile_template(argument, HOST_TEMPLATE, name, 0, prefix="(?i)^")
            )
        if name in ("Path", "PathPrefix") and not is_literal(argument):
            end = "$" if name == "Path" else ""
            fits = compile_template(argument, PATH_TEMPLATE, name, 0, suffix=end)
            return self._fitting(PATH, f"v2{end} {argument}", fits)
        if name in ("Host", "HostHeader"):
            return _exact_host(octets(argument).lower())
        return self._atom(name, (argument,))

    def _stream_atom(self, leaf: Matcher, argument: str, syntax: str) -> Atom:
        if leaf.name == "ClientIP":
            return _client_ip(argument)
        if leaf.name == "ALPN":
            return _is(PROTOCOL, octets(argument))
        if leaf.name == "HostSNI":
            return _server_name(argument, syntax, is_first=argument == leaf.arguments[0])
        if syntax == "v2":
            fits = compile_template(argument, HOST_TEMPLATE, leaf.name, 0, prefix="(?i)^")
            return self._fitting(SERVER_NAME, f"v2 {argument}", fits)
        return self._fitting(SERVER_NAME, argument, pattern(argument, leaf.name, 0))

    def _path(self, name: str, path: str) -> Atom:
        if name == "Path":
            return _is(PATH, octets(path))
        if path == "/" and self._has_root_paths:
            return TRUE
        return Atom(PATH, "starts", frozenset([octets(path)]))

    def _fitting(self, subject: Subject, text: str, fits: Test) -> Atom:
        return self._proofs.learn(Atom(subject, "fits", frozenset([octets(text)])), fits)

    def _is_possible(self, term: Term) -> bool:
        """Whether no two conditions of a term contradict each other, as far as that is known."""
        atoms = tuple(term)
        return not any(
            self._proofs.follows(one, other.opposite())
            for place, one in enumerate(atoms)
            for other in atoms[place + 1 :]
            if one.subject == other.subject
        )


def _term(atoms: Iterable[Atom]) -> Term:
    return frozenset(atom for atom in atoms if atom != TRUE)


def _distinct(terms: Iterable[Term]) -> list[Term]:
    found = list(dict.fromkeys(terms))
    if len(found) > MOST_TERMS:
        raise TooManyTermsError
    return found


def _key(name: str, text: str) -> bytes:
    return octets(text).lower() if name.startswith("Header") else octets(text)


def _is(subject: Subject, *values: bytes) -> Atom:
    return Atom(subject, "is", frozenset(values))


def _client_ip(text: str) -> Atom:
    return Atom(PEER, "in", ranges=frozenset(ranges((text,), "ClientIP")))


def _method(text: str) -> Atom:
    return _is(METHOD, octets(text.upper()))


def _exact_host(name: bytes) -> Atom:
    values = spellings(name) - {b""}
    return _is(HOST, *values) if values else FALSE


def _host(text: str) -> Atom:
    name = octets(text).lower()
    if name == b"*":
        return TRUE
    if not name.startswith(b"*"):
        return _exact_host(name)
    return Atom(HOST, "wildcard", frozenset(spellings(name[1:]))) if name.startswith(b"*.") else FALSE


def _server_name(text: str, syntax: str, *, is_first: bool) -> Atom:
    if text == "*":
        return TRUE if syntax != "v2" or is_first else Atom(SERVER_NAME, "other", frozenset([b"*"]))
    name = octets(text).lower()
    if syntax == "v2":
        values = {name, name.removesuffix(b".")} - {b""}
    elif name.startswith(b"*"):
        return Atom(SERVER_NAME, "wildcard", frozenset([name.removesuffix(b".")[1:]]))
    else:
        values = {name.removesuffix(b".")} - {b""}
    return _is(SERVER_NAME, *values) if values else FALSE


_PLAIN: Mapping[str, Callable[[str], Atom]] = {"ClientIP": _client_ip, "Method": _method, "Host": _host}
