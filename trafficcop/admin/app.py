"""The API and the dashboard as one ASGI application: `create_app(state, static)`.

Workers send it what reaches `api@internal`, with the path that their middlewares have left. What reaches
`dashboard@internal` goes to an application of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from trafficcop.admin.dashboard import Dashboard
from trafficcop.admin.debug import PREFIX, Debug, Profiler
from trafficcop.admin.explain import Explain, explained
from trafficcop.admin.state_view import StateView
from trafficcop.admin.views import Views
from trafficcop.config.static import API, StaticConfiguration

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
View = Callable[[Request], Response]
ItemView = Callable[[Request, str], Response]


def create_app(
    state: StateView, static: StaticConfiguration, explain: Explain | None = None, profiler: Profiler | None = None
) -> Application:
    return AdminApp(state, static, explain, profiler)


class AdminApp:
    """Finds the view of a path. Names in paths may hold an encoded slash, so the raw path is what is looked at."""

    def __init__(
        self, state: StateView, static: StaticConfiguration, explain: Explain | None, profiler: Profiler | None
    ) -> None:
        self._explain = explain
        api = static.api or API()
        self._debug = Debug(profiler) if api.debug and profiler is not None else None
        self._base = api.base_path.rstrip("/")
        views = Views(state, static)
        self._views = self._whole(views, has_debug=api.debug) | _lists(views, state)
        self._items = _items(views, state)
        self._dashboard = Dashboard(self._base) if api.dashboard else None

    def _whole(self, views: Views, *, has_debug: bool) -> dict[str, View]:
        found: dict[str, View] = {
            "/api/rawdata": views.rawdata,
            "/api/overview": views.overview,
            "/api/version": views.version,
            "/api/support-dump": views.support_dump,
            "/api/entrypoints": views.entry_points,
            "/api/certificates": views.certificates,
        }
        return found | {"/debug/vars": views.debug_vars} if has_debug else found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await serve_lifespan(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            path = path_of(scope)
            if self._explain is not None and path == self._base + "/api/explain":
                response = await explained(request, self._explain)
            elif self._debug is not None and path.startswith(self._base + PREFIX):
                response = await self._debug.answer(request, path.removeprefix(self._base + PREFIX))
            else:
                response = self.respond(request)
            await response(scope, receive, send)

    def respond(self, request: Request) -> Response:
        return _answer(self._find(path_of(request.scope)), request)

    def _find(self, path: str) -> View | None:
        if not path.startswith(self._base + "/"):
            return self._dashboard.find(path) if self._dashboard and path == self._base else None
        inside = path[len(self._base) :]
        if found := self._views.get(inside):
            return found
        section, _, identifier = inside.rpartition("/")
        if identifier and (item := self._items.get(section)):
            return lambda request: item(request, identifier)
        return self._dashboard.find(path) if self._dashboard else None


class DashboardApp:
    """`dashboard@internal`: the files of the dashboard and nothing else. Who may load them need not see the API."""

    def __init__(self, base: str) -> None:
        self._dashboard = Dashboard(base.rstrip("/"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await serve_lifespan(receive, send)
        elif scope["type"] == "http":
            request = Request(scope, receive)
            # Whatever the method, as a file server (`pkg/api/dashboard/dashboard.go`): HEAD asks whether it is there.
            view = self._dashboard.find_alone(path_of(scope))
            response = _answer(view, request) if view is None else view(request)
            await response(scope, receive, send)


def _answer(view: View | None, request: Request) -> Response:
    if view is None:
        headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
        return Response("404 page not found\n", 404, headers)
    return view(request) if request.method == "GET" else Response(status_code=405)


def path_of(scope: Scope) -> str:
    """The path as it was sent, without the query."""
    raw: bytes | None = scope.get("raw_path")
    return scope["path"] if raw is None else raw.partition(b"?")[0].decode("latin-1")


def _lists(views: Views, state: StateView) -> dict[str, View]:
    return {
        "/api/http/routers": lambda request: views.routers(request, state.report.routers),
        "/api/http/services": lambda request: views.services(request, state.report.services),
        "/api/http/middlewares": lambda request: views.middlewares(request, state.report.middlewares),
        "/api/tcp/routers": lambda request: views.routers(request, state.report.tcp_routers),
        "/api/tcp/services": lambda request: views.services(request, state.report.tcp_services),
        "/api/tcp/middlewares": lambda request: views.middlewares(request, state.report.tcp_middlewares),
        "/api/udp/routers": lambda request: views.routers(request, state.report.udp_routers),
        "/api/udp/services": lambda request: views.services(request, state.report.udp_services),
        "/api/udp/middlewares": lambda request: views.middlewares(request, state.report.udp_middlewares),
    }


def _items(views: Views, state: StateView) -> dict[str, ItemView]:
    return {
        "/api/entrypoints": views.entry_point,
        "/api/certificates": views.certificate,
        "/api/http/routers": lambda _, name: views.router(name, state.report.routers),
        "/api/http/services": lambda _, name: views.service(name, state.report.services),
        "/api/http/middlewares": lambda _, name: views.middleware(name, state.report.middlewares),
        "/api/tcp/routers": lambda _, name: views.router(name, state.report.tcp_routers),
        "/api/tcp/services": lambda _, name: views.service(name, state.report.tcp_services),
        "/api/tcp/middlewares": lambda _, name: views.middleware(name, state.report.tcp_middlewares),
        "/api/udp/routers": lambda _, name: views.router(name, state.report.udp_routers),
        "/api/udp/services": lambda _, name: views.service(name, state.report.udp_services),
        "/api/udp/middlewares": lambda _, name: views.middleware(name, state.report.udp_middlewares),
    }


async def serve_lifespan(receive: Receive, send: Send) -> None:
    """Nothing to start, nothing to stop."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
