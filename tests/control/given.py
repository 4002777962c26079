"""Configurations written as YAML, compiled."""

from __future__ import annotations

from trafficcop.config.decode import decode_dynamic, decode_static
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.effective import effective_static
from trafficcop.config.sources import load_text
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.compile import compile  # noqa: A004 - the verb of the project
from trafficcop.control.places import Places
from trafficcop.errors import Issue
from trafficcop.plan.model import Plan, RouterPlan
from trafficcop.plan.report import Report


def static(text: str = "entryPoints: {web: {address: ':80'}}") -> StaticConfiguration:
    decoded = decode_static(load_text(text, "yaml", "static.yml"))
    assert not [issue for issue in decoded.issues if not issue.is_warning], decoded.issues
    return effective_static(decoded.value)


def dynamic(text: str) -> tuple[DynamicConfiguration, tuple[Issue, ...], Places]:
    document = load_text(text, "yaml", "dynamic.yml")
    decoded = decode_dynamic(document)
    return decoded.value, decoded.issues, Places({"file": document.locate})


def compiled(text: str, given: StaticConfiguration | None = None) -> tuple[Plan, Report]:
    configuration, issues, places = dynamic(text)
    return compile(given or static(), {"file": configuration}, issues, places)


def router(plan: Plan, name: str) -> RouterPlan:
    (found,) = [router for router in plan.routers if router.name == name]
    return found


def told(report: Report) -> list[str]:
    return [str(issue) for issue in report.issues if not issue.is_warning]
