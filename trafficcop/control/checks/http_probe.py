"""A health check over HTTP: one request to a server, on a connection of its own."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote_to_bytes, urljoin, urlsplit

from trafficcop.config.dynamic import ServerHealthCheck
from trafficcop.control.checks.health import CheckFailed
from trafficcop.control.server_urls import path_error
from trafficcop.errors import ProxyError
from trafficcop.http.body import EMPTY
from trafficcop.http.deadlines import Deadlines
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Peer, Request, Response, Target
from trafficcop.plan.model import TransportPlan
from trafficcop.proxy.forwarders import forwarder
from trafficcop.proxy.origin import Limits
from trafficcop.proxy.pools import Pools

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What the client of this protocol decides, whatever `headers` say (net/http `Request.Header`).
_NOT_OURS_TO_SET = frozenset(("host", "content-length", "transfer-encoding", "trailer"))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_MOST_REDIRECTS = 10
_OURSELVES = Peer("")
_OURSELVES.forwarded_for = b""  # nobody's request is passed on


class HTTPProbe:
    """Asks one server for the path of its health check and judges the status of the answer."""

    def __init__(self, url: str, config: ServerHealthCheck, transport: TransportPlan) -> None:
        self._url = url
        self._config = config
        self._limits = Limits.of(transport)

    async def __call__(self) -> None:
        config = self._config
        problem = path_error(config.path)
        if problem:
            raise CheckFailed(problem)
        try:
            status = await self._ask(check_url(self._url, config))
        except (ProxyError, ValueError) as error:
            raise CheckFailed(f"HTTP request failed: {error}") from error
        if config.status:
            if status != config.status:
                raise CheckFailed(f"received error status code: {status} expected status code: {config.status}")
        elif not 200 <= status < 400:
            raise CheckFailed(f"received error status code: {status}")

    async def _ask(self, url: str) -> int:
        """The status that counts: of the last answer, where redirects are followed (`net/http` Client.Do)."""
        config = self._config
        method, host = config.method or "GET", config.hostname
        for _ in range(_MOST_REDIRECTS):
            response = await self._exchange(url, method, host)
            location = response.headers.get(b"Location")
            if not config.follow_redirects or response.status not in _REDIRECTS or not location:
                return response.status
            target = location.decode("latin-1")
            if urlsplit(target).scheme:
                host = ""  # another server may have another name
            url = join(url, target)
            if response.status < 307 and method != "HEAD":
                method = "GET"
        raise CheckFailed(f"stopped after {_MOST_REDIRECTS} redirects")

    async def _exchange(self, url: str, method: str, host: str) -> Response:
        request = make_request(urlsplit(url), method, host, self._config.headers)
        pools = Pools(Deadlines())
        try:
            response = await forwarder(pools, set(), Target("", url), self._limits)(request)
            response.body.close()
        finally:
            pools.close()
        return response


def join(base: str, reference: str) -> str:
    """A reference as the server at `base` means it: like `urljoin`, which does not know every scheme."""
    scheme = urlsplit(base).scheme
    joined = urlsplit(urljoin(urlsplit(base)._replace(scheme="http").geturl(), reference))
    return joined.geturl() if urlsplit(reference).scheme else joined._replace(scheme=scheme).geturl()


def check_url(server: str, config: ServerHealthCheck) -> str:
    """The URL of a server with the path of its check, and with scheme and port if the check has its own."""
    url = urlsplit(join(server, config.path))
    netloc = url.netloc
    if config.port:
        user, at, _ = netloc.rpartition("@")
        name = url.hostname or ""
        netloc = f"{user}{at}[{name}]:{config.port}" if ":" in name else f"{user}{at}{name}:{config.port}"
    return url._replace(scheme=config.scheme or url.scheme, netloc=netloc, fragment="").geturl()


def make_request(url: SplitResult, method: str, host: str, headers: Mapping[str, str]) -> Request:
    """The request for a URL; ValueError for what cannot be sent."""
    user, _, address = url.netloc.rpartition("@")
    fields = {"User-Agent": "trafficcop"}
    if user:
        fields["Authorization"] = "Basic " + base64.b64encode(unquote_to_bytes(user)).decode()
    spelled = {name.lower(): name for name in fields}
    for name, value in headers.items():
        if name.lower() not in _NOT_OURS_TO_SET:
            fields[spelled.get(name.lower(), name)] = value
    for name, value in (("Host", host), *fields.items()):
        if not _TOKEN.fullmatch(name) or _BAD_VALUE.search(value):
            raise ValueError(f"invalid header field {name!r}")
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"invalid method {method!r}")
    path = quote(url.path, safe="/%:@!$&'()*+,;=~") or "/"
    query = quote(url.query, safe="/%:@!$&'()*+,;=~?[]{}|\\^`\"<>").encode() if url.query else None
    pairs = Headers.of((name.encode(), value.encode()) for name, value in fields.items())
    request = Request(method.encode(), path.encode(), query, pairs, EMPTY, _OURSELVES)
    request.authority = (host or address).encode()
    return request
