"""Token buckets in Redis, shared by all instances that ask the same server (Traefik `pkg/middlewares/ratelimiter`).

A bucket is the hash `rate:<middleware>:<source>` with the fields `last` (µs since 1970) and `tokens`, as Traefik writes
it, so that both may ask the same server.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any
from weakref import WeakKeyDictionary

from trafficcop.config.middlewares import RateLimitRedis
from trafficcop.config.scalars import FileOrContent
from trafficcop.config.tls import ClientTLS
from trafficcop.store.interface import NANOSECONDS, Rate, StoreUnavailable

# The client library is imported when first needed: who has no Redis does not pay for it.
_TAKE_ONE = """
local rate, burst, now, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5])
local state = redis.call('HMGET', KEYS[1], 'last', 'tokens')
local last, tokens = tonumber(state[1] or 0), tonumber(state[2] or 0)
tokens = math.min(tokens + rate * math.max(now - last, 0), burst) - 1
local wait = math.max(-tokens / rate, 0)
if wait > patience then
    tokens = math.min(tokens + 1, burst)
end
redis.call('HSET', KEYS[1], 'last', ARGV[4], 'tokens', tostring(tokens))
redis.call('EXPIRE', KEYS[1], ARGV[3])
return tostring(wait)
"""
_MICRO = 1_000_000

# One client for each event loop and configuration: a reload that changes neither keeps its connections.
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[RateLimitRedis, Any]] = WeakKeyDictionary()


class RedisBuckets:
    """A token bucket for each source, in Redis."""

    __slots__ = ("_arguments", "_config", "_patience", "_prefix", "_script")

    def __init__(self, config: RateLimitRedis, name: str, rate: Rate) -> None:
        self._config = config
        self._prefix = f"rate:{name}:"
        self._arguments = (repr(rate.per_second / _MICRO), rate.burst, rate.time_to_live)
        self._patience = rate.longest_wait * _MICRO // NANOSECONDS
        self._script: Any = None

    async def reserve(self, source: str) -> int:
        """How many nanoseconds until the request may go on. StoreUnavailable when Redis does not say."""
        from redis.exceptions import RedisError

        now = time.time_ns() // 1000
        try:
            if self._script is None:
                client = await _client(self._config)
                self._script = client.register_script(_TAKE_ONE)
            wait = await self._script([self._prefix + source], [*self._arguments, now, self._patience])
        except (RedisError, OSError) as error:
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        return int(float(wait) * 1000)


async def _client(config: RateLimitRedis) -> Any:
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    client = clients.get(config)
    if client is None:
        client = clients[config] = _make_client(config)
        await asyncio.gather(*(client.ping() for _ in range(config.min_idle_conns)))
    return client


def _make_client(config: RateLimitRedis) -> Any:
    """A client that connects when it is first asked; several endpoints are a cluster, as in Traefik."""
    from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection
    from redis.asyncio.cluster import ClusterNode, RedisCluster

    # The library has one limit for both ways.
    timeouts = (config.read_timeout.seconds, config.write_timeout.seconds)
    options: dict[str, Any] = {
        "username": config.username or None,
        "password": config.password or None,
        "socket_timeout": max(timeouts) if min(timeouts) > 0 else None,
        "socket_connect_timeout": config.dial_timeout.seconds if config.dial_timeout > 0 else 5.0,
    }
    connection_class: type[Connection] = Connection
    if config.tls is not None:
        connection_class = SSLConnection
        options |= _tls_options(config.tls)
    size = min(size for size in (config.pool_size, config.max_active_conns, _MOST) if size > 0)
    addresses = [split_endpoint(endpoint) for endpoint in config.endpoints]
    if len(addresses) > 1:
        nodes = [ClusterNode(host, port) for host, port in addresses]
        return RedisCluster(startup_nodes=nodes, max_connections=size, ssl=config.tls is not None, **options)
    host, port = addresses[0]
    # Who comes when all connections are busy waits for one, but not for longer than an answer may take.
    pool = BlockingConnectionPool(
        connection_class=connection_class,
        host=host,
        port=port,
        db=config.db,
        max_connections=size,
        timeout=max(*timeouts, 1.0),
        **options,
    )
    return Redis(connection_pool=pool)


_MOST = 100
_files: list[int] = []  # that hold what a configuration says itself, for as long as somebody may connect


def _tls_options(given: ClientTLS) -> dict[str, Any]:
    options: dict[str, Any] = {
        "ssl_cert_reqs": "none" if given.insecure_skip_verify else "required",
        "ssl_check_hostname": not given.insecure_skip_verify,
    }
    if given.ca:
        options["ssl_ca_data"] = FileOrContent(given.ca).read().decode()
    if given.cert:
        options["ssl_certfile"] = _path_of(FileOrContent(given.cert))
        options["ssl_keyfile"] = _path_of(FileOrContent(given.key))
    return options


def _path_of(given: FileOrContent) -> str:
    """The library reads files only: a text gets one that nobody else can see."""
    if given.is_path:
        return str(given)
    file = os.memfd_create("redis")
    os.write(file, given.read())
    _files.append(file)
    return f"/proc/self/fd/{file}"


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Host and port; ValueError when it is no `host:port`."""
    host, colon, port = endpoint.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"address {endpoint}: missing port in address")
    return host.strip("[]") or "localhost", int(port)
