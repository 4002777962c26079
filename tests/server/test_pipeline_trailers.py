"""Answers with trailers keep their bodies, however they arrive."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import make_request
from trafficcop.config.entry_points import EntryPoint
from trafficcop.http.body import Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response
from trafficcop.server.admission import Admission
from trafficcop.server.pipeline import Pipeline


class Sink:
    """An exchange that writes down what it is told."""

    is_congested = False
    sent_size = 0

    def __init__(self) -> None:
        self.told: list[Any] = []

    def send_head(self, response: Response, first: bytes, is_last: bool) -> None:
        self.told.append((first, is_last))

    def send_data(self, data: bytes) -> None:
        self.told.append(data)

    def finish(self, response: Response) -> None:
        self.told.append(response.body.trailers)


@pytest.mark.parametrize(
    ("trailers", "expected"),
    [(None, [(b"hello", True)]), ([(b"X-Sum", b"1")], [(b"hello", False), [(b"X-Sum", b"1")]])],
)
async def test_a_body_that_is_all_here(trailers: list[tuple[bytes, bytes]] | None, expected: list[Any]) -> None:
    async def handler(request: Request) -> Response:
        body = Bytes(b"hello")
        body.trailers = trailers
        return Response(200, Headers(), body)

    sink = Sink()
    await Pipeline(Admission(EntryPoint()), handler).serve(sink, make_request())  # type: ignore[arg-type]
    assert sink.told == expected
