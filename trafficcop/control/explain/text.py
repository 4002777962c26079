"""An explanation for people: a tree of lines, in colour where somebody sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from trafficcop.http.status import STATUS_TEXT

Object = dict[str, Any]

_GREEN, _RED, _YELLOW, _GREY, _BOLD, _END = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[90m", "\x1b[1m", "\x1b[0m"
_TOLD = ("Location", "WWW-Authenticate")  # of an answer; the rest is in the JSON


class Branch(NamedTuple):
    """A line, and what stands below it."""

    line: str
    below: Sequence[Branch] = ()


class Paint:
    """Colours, or none."""

    def __init__(self, *, is_coloured: bool) -> None:
        self._is_coloured = is_coloured

    def _with(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_END}" if self._is_coloured and text else text

    def good(self, text: str) -> str:
        return self._with(_GREEN, text)

    def bad(self, text: str) -> str:
        return self._with(_RED, text)

    def careful(self, text: str) -> str:
        return self._with(_YELLOW, text)

    def faint(self, text: str) -> str:
        return self._with(_GREY, text)

    def strong(self, text: str) -> str:
        return self._with(_BOLD, text)


def to_text(explanation: Object, *, is_coloured: bool) -> str:
    """The explanation as lines, the last one with its break."""
    tree = _Tree(Paint(is_coloured=is_coloured))
    return "".join(f"{line}\n" for line in tree.lines(_printable(explanation)))


def _printable(value: Any) -> Any:
    """The same without characters that a terminal would obey."""
    if isinstance(value, str):
        return (
            value if value.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in value)
        )
    if isinstance(value, dict):
        return {key: _printable(one) for key, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list) else value


def _drawn(branches: Sequence[Branch], indent: str = "") -> Iterator[str]:
    last = len(branches) - 1
    for index, (line, below) in enumerate(branches):
        yield f"{indent}{'└─' if index == last else '├─'} {line}"
        yield from _drawn(below, indent + ("   " if index == last else "│  "))


class _Tree:
    """Makes branches of the members of an explanation."""

    def __init__(self, paint: Paint) -> None:
        self._paint = paint

    def lines(self, shown: Object) -> Iterator[str]:
        request = shown["request"]
        yield f"{self._paint.strong(request['method'] + ' ' + request['url'])} from {request['clientIP']}"
        yield f"→ {self._outcome(shown['result'])}"
        yield from _drawn(list(self._branches(shown)))

    def _branches(self, shown: Object) -> Iterator[Branch]:
        yield Branch(f"entry point {shown['entryPoint']} ({shown['address']}){self._read_as(shown['request'])}")
        if "tls" in shown:
            yield self._tls(shown["tls"])
        if "tcpRouter" in shown:
            yield self._tcp_router(shown["tcpRouter"])
        if "router" in shown:
            yield from self._search(shown)
        elsewhere = [self._elsewhere(router, shown) for router in shown.get("elsewhere", ())]
        if elsewhere:
            yield Branch("would take it elsewhere", elsewhere)
        if "similarHosts" in shown:
            yield Branch(f"did you mean {' or '.join(map(self._paint.strong, shown['similarHosts']))}?")

    def _read_as(self, request: Object) -> str:
        """What routers see, if it is not what the URL says."""
        if "host" not in request:
            return ""
        parts = urlsplit(request["url"])
        read = []
        if request["host"] != parts.hostname:
            read.append(f"host {request['host'] or '(none)'}")
        if request["path"] != (parts.path or "/"):
            read.append(f"path {request['path']}")
        return f", which sees {' and '.join(read)}" if read else ""

    # === what comes of it ===

    def _outcome(self, result: Object) -> str:
        condition = f", if {' and '.join(result['if'])} lets it pass" if "if" in result else ""
        return self._verdict(result) + self._paint.careful(condition)

    def _verdict(self, result: Object) -> str:
        paint = self._paint
        if result["kind"] == "service":
            return paint.good(f"goes to service {result['service']}")
        if result["kind"] == "tcp":
            return (
                paint.good(f"TCP router {result['router']} takes the connection") + ", nobody looks for a request in it"
            )
        if result["kind"] == "closed":
            return paint.bad("the connection is closed") + f": {result['why']}"
        status = result["status"]
        words = f"{status} {STATUS_TEXT.get(status, b'').decode()}".rstrip()
        told = "".join(f", {name}: {value}" for name, value in result["headers"].items() if name in _TOLD)
        colour = paint.bad if status >= 400 else paint.careful if status >= 300 else paint.good
        return f"{colour(words)}{told}, {self._whose(result)}"

    def _whose(self, result: Object) -> str:
        by, name = result["by"], result.get("name", "")
        if by == "nobody":
            return f"because no router below {name} takes it" if name else "because no router takes it"
        if by == "TLS options":
            return f"because its router wants TLS options {name}, and the connection has others"
        if by == "service" and result["status"] == 503:
            return f"because service {name} has no server available"
        if by == "entry point":
            return f"from the entry point: {result['why']}" if result.get("why") else "from the entry point"
        return f"from {by} {name}"

    # === the connection ===

    def _tls(self, tls: Object) -> Branch:
        name = f"server name {tls['serverName']}" if tls["serverName"] else "no server name"
        about = [f"TLS options {tls['options'] or '(broken)'}"]
        if "certificate" in tls:
            certificate = tls["certificate"]
            about.append("default certificate" if certificate == "default" else f"certificate {', '.join(certificate)}")
        if "clientAuth" in tls:
            about.append(f"client certificate: {tls['clientAuth']}")
        if "refused" in tls:
            about.append(self._paint.bad("refused"))
        return Branch(f"{name}: {', '.join(about)}")

    def _tcp_router(self, router: Object) -> Branch:
        below = [Branch(f"middleware {name}") for name in router["middlewares"]]
        if "service" in router:
            below.append(self._service(router["service"]))
        passed = ", TLS passes through" if router.get("passthrough") else ""
        return Branch(f"TCP router {self._router_line(router)}{passed}", below)

    # === routers ===

    def _router_line(self, router: Object) -> str:
        paint = self._paint
        return f"{paint.strong(router['name'])}  {router['rule']}  {paint.faint(_priority(router))}"

    def _search(self, shown: Object) -> Iterator[Branch]:
        """What became of the search among some routers."""
        router = shown["router"]
        if router is not None:
            yield self._router(router)
        broken = [self._broken(one) for one in shown.get("disabled", ())]
        if broken:
            yield Branch(self._paint.bad("matches too, but is disabled"), broken)
        behind = [Branch(self._router_line(one) + self._behind(one, router)) for one in _having(shown, "behind")]
        if behind:
            yield Branch("matches too, but comes later", behind)
        missed = [self._missed(one) for one in _having(shown, "misses")]
        if missed:
            yield Branch("does not match", missed)
        counts = [(shown.get("more"), "more that did not get it"), (shown["otherHosts"], "for other hosts")]
        counted = [f"{_counted(count)} {what}" for count, what in counts if count]
        if counted:
            yield Branch(self._paint.faint(f"besides {' and '.join(counted)}"))

    def _behind(self, router: Object, winner: Object) -> str:
        if router["behind"] == "priority":
            return f" < {winner['priority']}"
        what = "its provider comes later" if router["behind"] == "provider" else "its name comes later"
        return self._paint.faint(f", the same: {what}")

    def _missed(self, router: Object) -> Branch:
        below = [Branch(f"{self._paint.careful(miss['matcher'])} but {miss['seen']}") for miss in router["misses"]]
        return Branch(self._router_line(router), below)

    def _broken(self, router: Object) -> Branch:
        return Branch(self._router_line(router), [Branch(error) for error in router["errors"]])

    def _elsewhere(self, router: Object, shown: Object) -> Branch:
        where = f"on entry point {router['entryPoint']}" if router["entryPoint"] != shown["entryPoint"] else ""
        how = "with TLS (https)" if router["tls"] else "without TLS (http)"
        is_tls = shown["request"]["url"][:5].lower() == "https"
        needs = " ".join(part for part in (where, how if router["tls"] != is_tls else "") if part)
        return Branch(f"{self._router_line(router)}: {self._paint.careful(needs)}")

    def _router(self, router: Object) -> Branch:
        below = [Branch(self._paint.careful(f"warning: {text}")) for text in router.get("warnings", ())]
        below += [self._middleware(step) for step in router["middlewares"]]
        if "children" in router:
            below += self._search(router["children"])
        elif "service" in router:
            below.append(self._service(router["service"]))
        return Branch(f"router {self._router_line(router)}", below)

    # === what stands behind a router ===

    def _middleware(self, step: Object) -> Branch:
        below = [Branch(_change(change)) for change in step.get("changes", ())]
        if "middlewares" in step:
            below.append(Branch(self._paint.faint(f"stands for {', '.join(step['middlewares'])}")))
        elif "depends" in step:
            below.append(Branch(self._paint.careful(step["depends"])))
        elif "answers" in step:
            status, why = step["answers"]["status"], step["answers"].get("why")
            answers = (self._paint.bad if status >= 400 else self._paint.careful)(f"answers {status}")
            below.append(Branch(f"{answers}: {why}" if why else answers))
        passes = self._paint.faint(", changes nothing") if not below else ""
        return Branch(f"middleware {step['name']} ({step['type']}){passes}", below)

    def _service(self, service: Object) -> Branch:
        line = f"service {service['name']} ({', '.join(_about(service))})"
        below = [self._middleware(step) for step in service.get("middlewares", ())]
        if "sent" in service:
            sent = service["sent"]
            host = f" with Host: {sent['host']}" if "host" in sent else " with the server's own Host"
            below.append(Branch(f"sends {sent['method']} {sent['path']}{host}"))
        below += [self._server(server) for server in service.get("servers", ())]
        below += [self._service(child) for child in service.get("services", ())]
        if service.get("available") == 0:
            line += " " + self._paint.bad("no server available")
        return Branch(line, below)

    def _server(self, server: Object) -> Branch:
        paint = self._paint
        notes = [f"weight {server['weight']}"] if server["weight"] != 1 else []
        notes += ["fenced: sticky sessions only"] if server.get("fenced") else []
        notes += [f"sees the path {server['path']}"] if "path" in server else []
        if "ejectedFor" in server:
            notes.append(paint.bad(f"ejected for {server['ejectedFor']} s"))
        elif "status" in server:
            notes.append((paint.bad if server["status"] == "DOWN" else paint.good)(server["status"]))
        name = server["url"] if "url" in server else server["address"]
        return Branch("  ".join([name, *(["with TLS"] if server.get("tls") else []), *notes]))


def _having(shown: Object, key: str) -> list[Object]:
    return [one for one in shown["lost"] if key in one]


def _priority(router: Object) -> str:
    return f"priority {router['priority']}"


def _counted(count: int) -> str:
    return f"{count} router{'' if count == 1 else 's'}"


def _about(service: Object) -> list[str]:
    about = [service["kind"]]
    if "strategy" in service:
        about.append(service["strategy"])
    if "sticky" in service:
        about.append(f"sticky by {service['sticky']}")
    if "retryFor" in service:
        about.append(f"waits up to {service['retryFor']} for a server")
    if "weight" in service:
        about.append(f"weight {service['weight']}")
    if "role" in service:
        percent = f" of {service['percent']} %" if "percent" in service else ""
        about.append(service["role"] + percent)
    if service.get("repeated"):
        about.append("told above")
    return about


def _change(change: Object) -> str:
    part, was, now = change["part"], change.get("from"), change["to"]
    if part == "responseHeader":
        name = change["name"]
        return f"the answer loses {name}" if now is None else f"the answer gets {name}: {now}"
    if part != "requestHeader":
        return f"{part} {_shown_value(was)} → {_shown_value(now)}"
    name = change["name"]
    if now is None:
        return f"removes {name}" if was is not None else f"keeps {name} from being sent"
    return f"sets {name}: {now}" if was is None else f"{name}: {was} → {now}"


def _shown_value(value: str | None) -> str:
    return "(none)" if value is None else value or "(empty)"
