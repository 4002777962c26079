"""Which forwarder a server's URL needs."""

from __future__ import annotations

from urllib.parse import urlsplit

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.messages import Handler, Target
from trafficcop.http.observed import Observed
from trafficcop.proxy.forward import Forward, Unforwardable
from trafficcop.proxy.observed import ObservedHandler
from trafficcop.proxy.origin import Limits, Origin
from trafficcop.proxy.pools import AnyPool, Pools


def forwarder(
    pools: Pools,
    used: set[AnyPool],
    target: Target,
    limits: Limits,
    host: bytes | None = None,
    prefix: bytes = b"",
    observed: Observed | None = None,
) -> Handler:
    """For `target.url`; its pools are noted in `used`. The rest: see `Forward`."""
    scheme = urlsplit(target.url).scheme.lower()
    if scheme not in ("http", "https", "h2c") or (scheme == "h2c" and limits.is_http2_disabled):
        return _observed(Unforwardable(target, ProxyError(Kind.BAD_SCHEME, scheme, is_retryable=True)), observed)
    try:
        origin = Origin.of(target.url)
    except ProxyError as error:
        return _observed(Unforwardable(target, error), observed)
    if scheme == "http" or limits.is_http2_disabled:
        pool = pools.get(origin, limits)
        used.add(pool)
        return Forward(pool, target, host, prefix, observed)
    from trafficcop.proxy.forward_streams import ForwardStreams

    streams = pools.get_streams(origin, limits)
    used.add(streams)
    used.add(streams.plain)
    plain = Forward(streams.plain, target, host, prefix)
    return _observed(ForwardStreams(streams, plain, target, host, prefix), observed)


def _observed(handler: Handler, observed: Observed | None) -> Handler:
    return handler if observed is None else ObservedHandler(handler, observed)
