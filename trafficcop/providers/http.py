"""The HTTP provider: a configuration fetched from an endpoint at intervals (Traefik `pkg/provider/http`)."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
import random
import ssl
from collections.abc import AsyncIterator

import httpx

from trafficcop.config.decode import decode_dynamic
from trafficcop.config.providers import HTTPProvider as HTTPOptions
from trafficcop.config.sources import decode_text, load_text
from trafficcop.errors import ConfigurationError
from trafficcop.providers.content import NOTHING, Content, remarks
from trafficcop.providers.message import Message
from trafficcop.tls.client import client_context
from trafficcop.tls.options import trust_of

logger = logging.getLogger(__name__)

# github.com/cenkalti/backoff, as Traefik uses it: half a second, half as much again each time, up to a minute, all of
# it give or take a half.
_FIRST_PAUSE, _FACTOR, _LONGEST_PAUSE = 0.5, 1.5, 60.0
_LARGE = 128 * 1024  # more text than this is read in a thread, so that the event loop goes on
_LONGEST = 256 * 1024 * 1024  # bytes of a body where no limit is given: what never ends must not fill the memory


class FetchError(Exception):
    """No configuration could be had: one line that says why."""


class HTTPProvider:
    """Asks the endpoint again and again; keeps the last good configuration whatever happens."""

    name = "http"

    def __init__(self, options: HTTPOptions) -> None:
        if not options.endpoint:
            raise ValueError("non-empty endpoint is required")
        if options.poll_interval <= 0:
            raise ValueError("poll interval must be greater than 0")
        try:
            url = httpx.URL(options.endpoint)
        except httpx.InvalidURL as error:
            raise ValueError(f"endpoint: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"the endpoint {options.endpoint!r} is not a URL with http:// or https:// and a host")
        self._options = options
        self._url = url
        self._context = _context(options)
        self._content: Content = NOTHING
        limit = options.max_response_body_size
        self._limit = _LONGEST if limit < 0 else min(limit, _LONGEST)

    async def provide(self) -> AsyncIterator[Message]:
        """What the endpoint has, and again whenever it has changed."""
        pause = _FIRST_PAUSE
        async with self._client() as client:
            while True:
                try:
                    message = await self._poll(client)
                except FetchError as error:
                    seconds = pause * random.uniform(0.5, 1.5)  # noqa: S311 - spread, not secret
                    logger.error("Provider error, retrying in %.1fs: cannot fetch configuration: %s", seconds, error)
                    pause = min(pause * _FACTOR, _LONGEST_PAUSE)
                    await asyncio.sleep(seconds)
                    continue
                pause = _FIRST_PAUSE
                if message is not None:
                    yield message
                await asyncio.sleep(self._options.poll_interval.seconds)

    def _client(self) -> httpx.AsyncClient:
        # As in Traefik: proxies of the environment count, but with `tls`, and never for this machine.
        has_proxies = self._options.tls is None and not _is_loopback(self._url.host)
        headers = {"User-Agent": "trafficcop", "Accept": "*/*", "Accept-Encoding": "gzip"}
        given = {name.lower() for name in self._options.headers}
        kept = {name: value for name, value in headers.items() if name.lower() not in given}
        return httpx.AsyncClient(
            verify=self._context,
            headers={**kept, **self._options.headers},
            timeout=None,  # noqa: S113 - the whole exchange has one
            follow_redirects=True,
            max_redirects=10,
            trust_env=has_proxies,
        )

    async def _poll(self, client: httpx.AsyncClient) -> Message | None:
        """The configuration, None when nothing has changed."""
        body = await self._fetch(client)
        digest = hashlib.blake2b(body, digest_size=16).digest()
        if digest == self._content.digest:
            return None
        if len(body) > _LARGE:
            self._content = await asyncio.to_thread(self._read, body, digest)
        else:
            self._content = self._read(body, digest)
        if not self._content.is_good:
            for issue in self._content.troubles:
                logger.error("Provider error: %s", issue)
            return None
        return Message(self.name, self._content.configuration, remarks(self._options.endpoint, self._content))

    async def _fetch(self, client: httpx.AsyncClient) -> bytes:
        timeout = self._options.poll_timeout.seconds
        try:
            async with asyncio.timeout(timeout if timeout > 0 else None):
                async with client.stream("GET", self._url) as response:
                    if response.status_code != 200:
                        raise FetchError(f"received non-ok response code: {response.status_code}")
                    return await self._body(response)
        except TimeoutError:
            raise FetchError(f"{self._options.endpoint}: no answer within {timeout:g}s") from None
        except httpx.HTTPError as error:
            raise FetchError(f"{self._options.endpoint}: {str(error) or type(error).__name__}") from error

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > self._limit:
                raise FetchError(f"response body too large: more than {self._limit} bytes")
        return bytes(body)

    def _read(self, body: bytes, digest: bytes) -> Content:
        """YAML, and JSON as a kind of it."""
        source = self._options.endpoint
        try:
            decoded = decode_dynamic(load_text(decode_text(body, source), "yaml", source))
        except ConfigurationError as error:
            return self._content.broken(error.issues, digest)
        return Content(decoded.value, digest, decoded.issues, is_good=True)


def _context(options: HTTPOptions) -> ssl.SSLContext | bool:
    if options.tls is None:
        return True
    try:
        return client_context(trust_of(options.tls), ())
    except (OSError, ValueError) as error:  # one of them is ssl.SSLError
        raise ValueError(f"unable to create client TLS configuration: {error}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
