"""How long a drain may take, and what is said when one begins."""

from __future__ import annotations

from trafficcop.config.static import StaticConfiguration


def grace_seconds(static: StaticConfiguration) -> float:
    """The longest that draining an entry point may take."""
    cycles = [entry_point.transport.life_cycle for entry_point in static.entry_points.values()]
    return max((c.request_accept_grace_timeout.seconds + c.grace_time_out.seconds for c in cycles), default=0.0)


def drain_notice(static: StaticConfiguration) -> str:
    """The line of the log: entry points with `requestAcceptGraceTimeout` do not refuse anybody yet."""
    points = static.entry_points.items()
    accepts = {name: point.transport.life_cycle.request_accept_grace_timeout for name, point in points}
    late = [f"{name} (for {accept})" for name, accept in accepts.items() if accept]
    refused = [name for name, accept in accepts.items() if not accept]
    said = "refused"
    if late:
        said = "still accepted by " + ", ".join(late)
        if refused:
            said += ", refused by " + ", ".join(refused)
    return f"Draining: requests under way may end, new connections are {said}"
