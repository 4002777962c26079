"""Explanations of what a running instance does: the API's `POST /api/explain`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from trafficcop.config.static import StaticConfiguration
from trafficcop.control.explain.answer import explain
from trafficcop.control.explain.index import PlanIndex
from trafficcop.control.explain.question import Question
from trafficcop.control.state import State
from trafficcop.errors import BadQuestion
from trafficcop.plan.model import Plan
from trafficcop.plan.report import Report

_KEPT = 60.0  # seconds: people ask a few questions in a row
_KNOWN = ("url", "method", "headers", "clientIP", "entryPoint")


class LiveExplain:
    """Answers questions about the plan in force, one at a time, beside the event loop of control."""

    def __init__(self, state: State, static: StaticConfiguration) -> None:
        self._state = state
        self._static = static
        self._turn = asyncio.Lock()
        self._index: PlanIndex | None = None  # of the plan that was asked about last
        self._forgetting: asyncio.TimerHandle | None = None

    async def __call__(self, fields: Mapping[str, object]) -> dict[str, Any]:
        """`fields`: the members of the JSON object that was sent. BadQuestion when they make no request."""
        question = question_of(fields)
        if self._forgetting is not None:
            self._forgetting.cancel()
        async with self._turn:
            state = self._state
            answer = await asyncio.to_thread(self._answer, question, state.plan, state.report)
        self._forgetting = asyncio.get_running_loop().call_later(_KEPT, self._forget)
        return answer

    def _forget(self) -> None:
        """An index is as large as its plan, which may be an old one by now."""
        self._index = None

    def _answer(self, question: Question, plan: Plan, report: Report) -> dict[str, Any]:
        index = self._index
        if index is None or index.plan is not plan:
            index = self._index = PlanIndex(plan)
        ejected = self._state.ejections
        return explain(question, self._static, plan, report, is_running=True, ejected=ejected, index=index)


def question_of(fields: Mapping[str, object]) -> Question:
    """BadQuestion for members that are unknown or of another type."""
    for name in fields:
        if name not in _KNOWN:
            raise BadQuestion(f"{name}: unknown, there are {', '.join(_KNOWN)}")
    if not fields.get("url"):
        raise BadQuestion("url: it is missing")
    return Question(
        url=_text(fields, "url", ""),
        method=_text(fields, "method", "GET"),
        headers=_headers(fields.get("headers")),
        client_ip=_text(fields, "clientIP", "127.0.0.1"),
        entry_point=_text(fields, "entryPoint", ""),
    )


def _text(fields: Mapping[str, object], name: str, default: str) -> str:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise BadQuestion(f"{name}: a string is expected")
    return value or default


def _headers(given: object) -> tuple[tuple[str, str], ...]:
    """An object of strings, or of lists of strings for fields that occur more than once."""
    if given is None:
        return ()
    if not isinstance(given, dict):
        raise BadQuestion("headers: an object of names and values is expected")
    found = []
    for name, values in given.items():
        for value in values if isinstance(values, list) else [values]:
            if not isinstance(value, str):
                raise BadQuestion(f"headers: the value of {name} is no string")
            found.append((name, value))
    return tuple(found)
