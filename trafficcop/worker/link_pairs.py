"""Services in front of another one: `failover` and `mirroring`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trafficcop.config.dynamic import Failover as FailoverOptions
from trafficcop.config.dynamic import Mirroring as MirroringOptions
from trafficcop.http.messages import Handler
from trafficcop.http.status import status_set
from trafficcop.service.failover import NO_STATUSES, Failover
from trafficcop.service.mirroring import Mirror, Mirroring
from trafficcop.service.weighted import Watched

Services = Callable[[str], Handler]


def link_failover(options: FailoverOptions, service: Services, watched: Mapping[str, Watched]) -> Failover:
    """`watched`: the services that tell of their health, filled as `service` links them."""
    main = service(options.service)
    fallback = service(options.fallback)
    errors = options.errors
    if errors is None or not errors.status:
        handler = Failover(main, fallback)
    else:
        handler = Failover(main, fallback, status_set(errors.status) or NO_STATUSES, errors.max_request_body_bytes)
    if options.service in watched:
        watched[options.service].watchers.append(handler.set_main_up)
        handler.looks += watched[options.service].looks
    if options.health_check is not None and options.fallback in watched:
        watched[options.fallback].watchers.append(handler.set_fallback_up)
        handler.looks += watched[options.fallback].looks
    return handler


def link_mirroring(options: MirroringOptions, service: Services) -> Mirroring:
    main = service(options.service)
    mirrors = [Mirror(service(mirror.name), mirror.percent) for mirror in options.mirrors]
    return Mirroring(main, mirrors, options.mirror_body, options.max_body_size)
