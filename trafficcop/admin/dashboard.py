"""The dashboard: a page that asks the API, and the way to it (Traefik `pkg/api/dashboard/dashboard.go`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from trafficcop.telemetry.log import fields, get_logger

_log = get_logger(__name__)
_TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
# The page loads nothing from elsewhere and writes what the API says as text only.
_POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"


class Dashboard:
    """Files of `admin/static` below `<base>/dashboard/`, read once."""

    def __init__(self, base: str) -> None:
        self._root = base or "/"
        self._path = f"{base}/dashboard/"
        directory = resources.files("trafficcop.admin") / "static"
        self._files = {entry.name: entry.read_bytes() for entry in directory.iterdir() if entry.is_file()}

    def find(self, path: str) -> Callable[[Request], Response] | None:
        if path in (self._root, self._root.rstrip("/") + "/", self._path[:-1]):
            return self.redirect
        return self._find_file(path.removeprefix(self._path)) if path.startswith(self._path) else None

    def find_alone(self, path: str) -> Callable[[Request], Response] | None:
        """The same where there is nothing but the dashboard, and a middleware may have taken off the way to it."""
        return self._find_file(path.removeprefix(self._path).removeprefix("/"))

    def _find_file(self, name: str) -> Callable[[Request], Response] | None:
        name = name or "index.html"
        return (lambda request: self._file(name)) if name in self._files else None

    def redirect(self, request: Request) -> Response:
        return RedirectResponse(_prefix_of(request) + self._path, 302)

    def _file(self, name: str) -> Response:
        headers = {
            "Content-Type": _TYPES[name.rpartition(".")[2]],
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
        }
        return Response(self._files[name], headers=headers)


def _prefix_of(request: Request) -> str:
    """X-Forwarded-Prefix, unless it leads to another site."""
    prefix = request.headers.get("X-Forwarded-Prefix", "")
    try:
        parts = urlsplit(prefix.replace("\\", "/"))
        is_foreign = bool(parts.scheme or parts.netloc)
    except ValueError:
        is_foreign = True
    if is_foreign:
        _log.error("X-Forwarded-Prefix is no path", extra=fields(prefix=prefix))
        return ""
    return prefix.rstrip("/")
