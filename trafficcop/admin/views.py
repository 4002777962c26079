"""The answers of the API, one method per path (Traefik `pkg/api/handler*.go`)."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response

from trafficcop import __version__
from trafficcop.admin import lists
from trafficcop.admin import representations as shown
from trafficcop.admin.certificates import certificates
from trafficcop.admin.overview import overview
from trafficcop.admin.representations import Object
from trafficcop.admin.state_view import StateView
from trafficcop.admin.support_dump import archive
from trafficcop.config.encode import encode, encode_anonymously, encode_for_log
from trafficcop.config.json_text import to_json
from trafficcop.config.static import API, StaticConfiguration
from trafficcop.plan.report import MiddlewareInfo, RouterInfo, ServiceInfo

T = TypeVar("T")
CODENAME = "trafficcop"
JSON = "application/json"


def json_response(value: object, headers: Mapping[str, str] | None = None, *, media_type: str = JSON) -> Response:
    return Response(to_json(value), headers=headers, media_type=media_type)


def error_response(status: int, message: str) -> Response:
    """An error as Go's `http.Error` sends it: JSON by content, plain text by name."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return Response(to_json({"message": message}), status, headers)


def query_of(request: Request) -> dict[str, str]:
    """The first value of each query parameter; those that are no parameters are passed over (Go's `url.ParseQuery`)."""
    query: dict[str, str] = {}
    for pair in request.url.query.split("&"):
        if ";" in pair:
            continue
        key, _, value = pair.replace("+", " ").partition("=")
        try:
            query.setdefault(unescaped(key), unescaped(value))
        except ValueError:
            continue
    return query


def unescaped(text: str) -> str:
    """A path segment percent-decoded; ValueError says which escape is broken."""
    for index, part in enumerate(text.split("%")):
        if index and (len(part) < 2 or not all(digit in "0123456789abcdefABCDEF" for digit in part[:2])):
            raise ValueError(f'invalid URL escape "%{part[:2]}"')
    return unquote_to_bytes(text).decode("utf-8", "replace")


class Views:
    """What the API answers about `state`."""

    def __init__(self, state: StateView, static: StaticConfiguration) -> None:
        self._state = state
        self._static = static
        self._api = static.api or API()

    # === the whole ===

    def rawdata(self, request: Request) -> Response:
        answer = shown.rawdata(self._state.report)
        if errors := shown.problems(self._state.issues):
            answer["errors"] = errors
        return json_response(answer)

    def overview(self, request: Request) -> Response:
        return json_response(overview(self._state.report, self._static, self._state.providers))

    def _started_at(self) -> str:
        return datetime.fromtimestamp(self._state.started_at, UTC).isoformat().replace("+00:00", "Z")

    def version(self, request: Request) -> Response:
        answer: Object = {"Version": __version__, "Codename": CODENAME, "startDate": self._started_at()}
        if self._api.disable_dashboard_ad:
            answer["disableDashboardAd"] = True
        if self._api.dashboard_name:
            answer["dashboardName"] = self._api.dashboard_name
        return json_response(answer, media_type="application/json; charset=UTF-8")

    def support_dump(self, request: Request) -> Response:
        version = {"version": __version__, "codename": CODENAME, "startDate": self._started_at()}
        content = archive(
            {
                "version.json": to_json(version),
                "static-config.json": to_json(encode_anonymously(self._static)),
                "runtime-config.json": to_json(shown.rawdata(self._state.report, encode_for_log)),
            }
        )
        headers = {"Content-Disposition": "attachment; filename=support-dump.tar.gz"}
        return Response(content, headers=headers, media_type="application/gzip")

    def debug_vars(self, request: Request) -> Response:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        workers = [
            {"index": worker.index, "pid": worker.pid, "version": worker.version, "refused": worker.refused}
            for worker in self._state.workers
        ]
        memory = {"maxResident": usage.ru_maxrss * 1024}
        answer = {"cmdline": sys.argv, "memstats": memory, "workers": workers}
        return json_response(answer, media_type="application/json; charset=utf-8")

    # === entry points and certificates ===

    def _entry_point(self, name: str) -> Object:
        return encode(self._static.entry_points[name]) | {"name": name}

    def entry_points(self, request: Request) -> Response:
        items = [self._entry_point(name) for name in sorted(self._static.entry_points)]
        return self._page(items, query_of(request))

    def entry_point(self, request: Request, identifier: str) -> Response:
        return self._one("entryPointID", "entry point", identifier, self._static.entry_points, self._named_entry_point)

    def _named_entry_point(self, name: str, entry_point: object) -> Object:
        return self._entry_point(name)

    def certificates(self, request: Request) -> Response:
        items = list(certificates(self._state.report.certificates).values())
        return self._list(items, query_of(request), lists.CERTIFICATE_KEYS, lists.CERTIFICATE_TEXTS, is_router=False)

    def certificate(self, request: Request, identifier: str) -> Response:
        infos = certificates(self._state.report.certificates)
        return self._one("certificateID", "certificate", identifier, infos, lambda name, shown: shown)

    # === routers, services, middlewares ===

    def routers(self, request: Request, infos: Mapping[str, RouterInfo]) -> Response:
        items = [shown.named_router(name, info) for name, info in infos.items()]
        return self._list(items, query_of(request), lists.ROUTER_KEYS, ("rule", "name"), is_router=True)

    def services(self, request: Request, infos: Mapping[str, ServiceInfo]) -> Response:
        items = [shown.named_service(name, info) for name, info in infos.items()]
        return self._list(items, query_of(request), lists.SERVICE_KEYS, ("name",), is_router=False)

    def middlewares(self, request: Request, infos: Mapping[str, MiddlewareInfo]) -> Response:
        items = [shown.named_middleware(name, info) for name, info in infos.items()]
        return self._list(items, query_of(request), lists.MIDDLEWARE_KEYS, ("name",), is_router=False)

    def router(self, identifier: str, infos: Mapping[str, RouterInfo]) -> Response:
        return self._one("routerID", "router", identifier, infos, shown.named_router)

    def service(self, identifier: str, infos: Mapping[str, ServiceInfo]) -> Response:
        return self._one("serviceID", "service", identifier, infos, shown.named_service)

    def middleware(self, identifier: str, infos: Mapping[str, MiddlewareInfo]) -> Response:
        return self._one("middlewareID", "middleware", identifier, infos, shown.named_middleware)

    def _list(
        self,
        items: Sequence[Object],
        query: lists.Query,
        keys: Mapping[str, lists.SortKey],
        searched: Sequence[str],
        *,
        is_router: bool,
    ) -> Response:
        wanted = [item for item in items if lists.is_wanted(item, query, searched=searched, is_router=is_router)]
        return self._page(lists.arranged(wanted, query, keys), query)

    def _page(self, items: Sequence[Object], query: lists.Query) -> Response:
        try:
            page, following = lists.page_of(items, query)
        except lists.BadPageError as error:
            return error_response(400, str(error))
        return json_response(list(page), {"X-Next-Page": str(following)})

    def _one(
        self, variable: str, noun: str, identifier: str, infos: Mapping[str, T], show: Callable[[str, T], Object]
    ) -> Response:
        try:
            name = unescaped(identifier)
        except ValueError as error:
            return error_response(400, f'unable to decode {variable} "{identifier}": {error}')
        if name not in infos:
            return error_response(404, f"{noun} not found: {name}")
        return json_response(show(name, infos[name]))
