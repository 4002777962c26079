"""The whole explanation of one request, as data that is ready for JSON."""

from __future__ import annotations

import asyncio
from typing import Any

from trafficcop.config.static import StaticConfiguration
from trafficcop.control.explain.arrival import entry_point_of
from trafficcop.control.explain.broken import Broken
from trafficcop.control.explain.connection import connect
from trafficcop.control.explain.index import PlanIndex
from trafficcop.control.explain.nearest import elsewhere, similar_hosts
from trafficcop.control.explain.question import Question, check, request_of
from trafficcop.control.explain.rules import spelled, text
from trafficcop.control.explain.search import Search
from trafficcop.control.explain.services import Ejected, Services
from trafficcop.control.explain.streams import StreamServices
from trafficcop.errors import ProxyError
from trafficcop.http.failure import failure_response
from trafficcop.http.headers import UNDERSCORE
from trafficcop.http.messages import Request
from trafficcop.plan.model import Plan
from trafficcop.plan.report import Report
from trafficcop.server.admission import Admission

Object = dict[str, Any]


def explain(
    question: Question,
    static: StaticConfiguration,
    plan: Plan,
    report: Report,
    *,
    is_running: bool = False,
    ejected: Ejected | None = None,
    index: PlanIndex | None = None,
) -> Object:
    """BadQuestion for what is no request. Not to be called where an event loop runs: middlewares need one.

    `is_running`: the report knows how servers are; otherwise it only says that they were never asked. `index`: of this
    plan, from an earlier question.
    """
    check(question)
    index = index or PlanIndex(plan)
    entry_point = entry_point_of(question, static, index)
    explanation = _Explanation(question, static, index, report, entry_point, is_running=is_running)
    return asyncio.run(explanation.make(ejected))


class _Explanation:
    """One question about one plan."""

    def __init__(
        self,
        question: Question,
        static: StaticConfiguration,
        index: PlanIndex,
        report: Report,
        entry_point: str,
        *,
        is_running: bool,
    ) -> None:
        self._question = question
        self._static = static
        self._index = index
        self._report = report
        self._entry_point = entry_point
        self._is_running = is_running
        self._shown: Object = {
            "request": {"method": question.method, "url": question.url, "clientIP": question.client_ip},
            "entryPoint": entry_point,
            "address": static.entry_points[entry_point].address,
        }

    async def make(self, ejected: Ejected | None) -> Object:
        shown, plan = self._shown, self._index.plan
        streams = StreamServices(plan.tcp_services, self._report.tcp_services if self._is_running else {})
        connection = connect(self._question, self._index, self._entry_point, streams)
        shown |= connection.shown
        if connection.result is not None:
            return shown | {"result": connection.result}
        request, refusal = self._admitted()
        if request is None:
            return shown | {"result": refusal}
        shown["request"] |= {"host": text(request.host), "path": text(request.path)}
        if request.query is not None:
            shown["request"]["query"] = text(request.query)
        broken = Broken(self._report, self._entry_point)
        services = Services(plan, self._report.services if self._is_running else {}, ejected)
        search = Search(self._index, broken, request, services, connection.options)
        is_tls = request.peer.is_tls
        candidates, others = self._index.find(self._entry_point, spelled(request.host), is_tls=is_tls)
        found, result = await search.run(candidates, others)
        shown |= {"result": result} | found
        return shown if found["router"] is not None else shown | self._nearest(request)

    def _nearest(self, request: Request) -> Object:
        """Nobody took it: who nearly would have."""
        found = elsewhere(self._index, request, self._entry_point)
        if found:
            return {"elsewhere": found}
        similar = similar_hosts(self._index, request)
        return {"similarHosts": similar} if similar else {}

    def _admitted(self) -> tuple[Request | None, Object]:
        """The request as routers see it, or what the entry point answers."""
        refusal: Object = {"kind": "answer", "by": "entry point", "headers": {}}
        options = self._static.entry_points[self._entry_point]
        try:
            request = request_of(self._question, self._static, self._entry_point)
            has_underscore = request.marks & UNDERSCORE and options.http.underscore_headers_strategy.lower() == "reject"
            response = Admission(options).admit(request)
        except ProxyError as error:
            return None, refusal | {"status": failure_response(error).status, "why": str(error)}
        if response is None:
            return request, {}
        if response.status < 400:
            return None, refusal | {"status": response.status, "why": "it answers this by itself"}
        why = "a header field with an underscore" if has_underscore else "the path is malformed"
        return None, refusal | {"status": response.status, "why": why}
