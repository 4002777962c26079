"""What is valid and hardly meant: more than a start looks for, told by `--validate`."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trafficcop.control.books import Books
from trafficcop.control.compile import Compilation
from trafficcop.control.ledger import Entry, Ledger, dotted
from trafficcop.control.merge import DEFAULT
from trafficcop.control.names import is_internal, provider_of
from trafficcop.control.spread import syntax_of
from trafficcop.control.validation.shadows import Routed, Shadow, ShadowSearch
from trafficcop.control.validation.unused import unused
from trafficcop.errors import Issue
from trafficcop.plan.model import Plan, RouterPlan
from trafficcop.plan.report import Report
from trafficcop.rules.ast import Node
from trafficcop.rules.modern import NoModernFormError, modern_form
from trafficcop.rules.names import Kind

_NEAR = datetime.timedelta(days=30)
_NAMED = 3  # routers of a list; the rest is counted


class Audit:
    """Looks through a compilation after its plan was made. `elsewhere`: providers whose objects it cannot know."""

    def __init__(self, compilation: Compilation, plan: Plan, elsewhere: Sequence[str] = ()) -> None:
        self._compilation = compilation
        self._books: Books = compilation.books
        self._plan = plan
        self._elsewhere = elsewhere
        self._ledger = Ledger(compilation.ledger.places)

    def issues(self, report: Report) -> list[Issue]:
        """All of it, as warnings. What is broken may be the reason why something has no use: that comes first."""
        self._shadows()
        self._old_rules()
        self._certificates()
        self._stores()
        if not any(issue.owner and not issue.is_warning for issue in report.issues):
            self._unused()
        return self._ledger.issues

    def _unused(self) -> None:
        where = f" ({', '.join(self._elsewhere)} may)" if self._elsewhere else ""
        for (section, name), text in unused(self._books, self._compilation.merged):
            provider = provider_of(name) or self._compilation.merged.default_by.get(section[1], "")
            self._tell(provider, (*section, name.rpartition("@")[0] or name), text + where)

    def _stores(self) -> None:
        for provider, index, certificate in self._compilation.merged.certificates:
            if certificate.stores and DEFAULT not in certificate.stores:
                text = "the certificate is never served: only those of the store `default` are"
                self._tell(provider, ("tls", "certificates", index, "stores"), text)

    def _certificates(self) -> None:
        now = datetime.datetime.now(datetime.UTC)
        for provider, path, pair in self._compilation.certificates.read:
            begins, expires = pair.begins, pair.expires
            if begins is not None and begins > now:
                self._tell(provider, (*path, "certFile"), f"the certificate is not valid before {begins:%Y-%m-%d}")
            elif expires is not None and now < expires < now + _NEAR:
                left = (expires - now).days
                text = f"the certificate expires on {expires:%Y-%m-%d}, {_days(left)}"
                self._tell(provider, (*path, "certFile"), text)

    def _shadows(self) -> None:
        search = ShadowSearch()
        shadows: dict[tuple[str, str], list[Shadow]] = {}
        for shadow in search.find(self._plan):
            entry = self._entry(shadow.router)
            if not is_internal(entry.name):
                shadows.setdefault((entry.section[0], entry.origin), []).append(shadow)
        serving = self._places_served()
        for key, found in shadows.items():
            if len(found) == serving[key]:  # elsewhere it may well match
                self._ledger.tell(self._entry(found[0].router), self._shadow_text(found[0]), "rule", is_warning=True)
        if not search.is_complete:
            text = "too many routers look alike: not all were checked for others that take what they match"
            self._ledger.issues.append(Issue(text, "http.routers", is_warning=True))

    def _shadow_text(self, shadow: Shadow) -> str:
        """Why a router takes nothing."""
        if not shadow.takers:
            return "never matches: no request can fulfil the whole rule"
        takers = shadow.takers
        names = [f"{self._entry(taker).origin} (priority {taker.priority})" for taker in takers[:_NAMED]]
        if len(takers) > _NAMED:
            names.append(f"{len(takers) - _NAMED} more")
        who = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        how = "takes" if len(takers) == 1 else "take"
        return f"never matches: {who} {how} all of it before (priority {shadow.router.priority})"

    def _entry(self, router: Routed) -> Entry[Any]:
        books: Mapping[str, Entry[Any]] = (
            self._books.routers if hasattr(router, "children") else self._books.tcp_routers
        )
        return books[router.name]

    def _places_served(self) -> Mapping[tuple[str, str], int]:
        """How many plans there are of each router, by protocol and by the name that its user gave it."""
        counts: dict[tuple[str, str], int] = {}
        todo: list[Routed] = [*self._plan.routers, *self._plan.tcp_routers]
        while todo:
            router = todo.pop()
            entry = self._entry(router)
            key = (entry.section[0], entry.origin)
            counts[key] = counts.get(key, 0) + 1
            if isinstance(router, RouterPlan):
                todo.extend(router.children)
        return counts

    def _old_rules(self) -> None:
        told: set[str] = set()
        for entry, node, kind, rule in self._rules_of_v2():
            if entry.origin in told:
                continue
            told.add(entry.origin)
            try:
                text = modern_form(node, kind)
            except NoModernFormError:
                continue
            if text != rule:
                self._ledger.tell(entry, f"deprecated: v2 syntax, write it in v3: {text}", "rule", is_warning=True)

    def _rules_of_v2(self) -> Iterator[tuple[Entry[Any], Node, Kind, str]]:
        todo = list(self._plan.routers)
        while todo:
            plan = todo.pop()
            todo.extend(plan.children)
            entry = self._books.routers[plan.name]
            if syntax_of(entry) == "v2" and not is_internal(plan.name):
                yield entry, plan.rule, "http", entry.config.rule
        for tcp in self._books.tcp_routers.values():
            if tcp.rule is not None and tcp.syntax == "v2":
                yield tcp, tcp.rule, "tcp", tcp.config.rule

    def _tell(self, provider: str, path: tuple[str | int, ...], text: str) -> None:
        position = self._ledger.places.key(provider, path)
        self._ledger.issues.append(Issue(text, dotted(path), position, is_warning=True))


def _days(count: int) -> str:
    return f"in {count} day{'' if count == 1 else 's'}" if count else "within a day"
