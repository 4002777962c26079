"""Profiles of the workers under /debug/pprof/."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.admin.asgi import Client
from tests.admin.sample import STATIC, State
from trafficcop.admin.app import create_app
from trafficcop.admin.pprof import collapsed, encoded
from trafficcop.config.static import API
from trafficcop.plan.profile import Profile

MAIN, SERVE, READ = ("main", "/a/cli.py", 3), ("Loop.serve", "/a/loop.py", 40), ("read;", "/a/loop.py", 200)
PROFILES = [
    Profile(0, 1, 10_000_000, (((SERVE, MAIN), 3), ((READ, SERVE, MAIN), 2))),
    Profile(1, 1, 10_000_000, (((SERVE, MAIN), 300),)),
]


class Workers:
    """Answers at once."""

    def __init__(self, *, is_busy: bool = False, found: list[Profile] = PROFILES) -> None:
        self.is_busy = is_busy
        self.asked: list[float] = []
        self._found = found

    async def take(self, seconds: float) -> list[Profile]:
        self.asked.append(seconds)
        return self._found


def client(workers: Workers, *, has_debug: bool = True) -> Client:
    return Client(create_app(State(), replace(STATIC, api=API(debug=has_debug)), None, workers))  # type: ignore[no-untyped-call]


def members(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message of Protocol Buffers: numbers and bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            yield key >> 3, data[at : at + value]
            at += value
        else:
            yield key >> 3, value


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            return value, at


def numbers(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        found.append(value)
    return found


def read(data: bytes) -> tuple[list[tuple[list[str], list[int], str]], dict[int, int]]:
    """Each sample as its functions, values and worker; and what else has a number."""
    fields = list(members(gzip.decompress(data)))
    texts = [value.decode() for number, value in fields if number == 6]
    functions = {found[1]: texts[found[2]] for found in (dict(members(value)) for n, value in fields if n == 5)}
    locations = {}
    for number, value in fields:
        if number == 4:
            found = dict(members(value))
            line = dict(members(found[4]))
            locations[found[1]] = f"{functions[line[1]]}:{line[2]}"
    samples = []
    for number, value in fields:
        if number == 2:
            found = dict(members(value))
            label = dict(members(found[3]))
            assert texts[label[1]] == "worker"
            samples.append(([locations[n] for n in numbers(found[1])], numbers(found[2]), texts[label[2]]))
    kinds = [dict(members(value)) for number, value in fields if number == 1]
    assert [(texts[kind[1]], texts[kind[2]]) for kind in kinds] == [("samples", "count"), ("cpu", "nanoseconds")]
    return samples, {number: value for number, value in fields if isinstance(value, int)}


def test_the_format_of_pprof() -> None:
    samples, others = read(encoded(PROFILES, 1_700_000_000_000_000_000, 2_000_000_000))
    assert samples == [
        (["loop.Loop.serve:40", "cli.main:3"], [3, 30_000_000], "0"),
        (["loop.read;:200", "loop.Loop.serve:40", "cli.main:3"], [2, 20_000_000], "0"),
        (["loop.Loop.serve:40", "cli.main:3"], [300, 3_000_000_000], "1"),
    ]
    assert others == {9: 1_700_000_000_000_000_000, 10: 2_000_000_000, 12: 10_000_000}


def test_collapsed_stacks() -> None:
    assert collapsed(PROFILES) == (
        "worker 0;cli.main;loop.Loop.serve 3\nworker 0;cli.main;loop.Loop.serve;loop.read: 2\n"
        "worker 1;cli.main;loop.Loop.serve 300\n"
    )


PLACES = st.tuples(st.text(max_size=5), st.text(max_size=5), st.integers(0, 10**6))


@given(st.lists(st.tuples(st.lists(PLACES, max_size=4).map(tuple), st.integers(1, 10**9)), max_size=5))
def test_any_stacks(stacks: list[tuple[tuple[tuple[str, str, int], ...], int]]) -> None:
    found, _ = read(encoded([Profile(7, 1, 10, tuple(stacks))], 1, 1))
    assert [values for _, values, _ in found] == [[count, count * 10] for _, count in stacks]
    assert [len(places) for places, _, _ in found] == [len(stack) for stack, _ in stacks]


@pytest.mark.parametrize(
    ("query", "seconds"),
    [("", 30), ("?seconds=5", 5), ("?seconds=0.5", 0.5), ("?seconds=-1", 30), ("?seconds=9e9", 300)],
)
async def test_for_how_long(query: str, seconds: float) -> None:
    workers = Workers()
    answer = await client(workers).get(f"/debug/pprof/profile{query}")
    assert answer.status == 200
    assert workers.asked == [seconds]
    assert len(read(answer.body)[0]) == 3


async def test_one_worker_as_text() -> None:
    answer = await client(Workers()).get("/debug/pprof/profile?debug=1&worker=1")
    assert answer.text == "worker 1;cli.main;loop.Loop.serve 300\n"


@pytest.mark.parametrize(
    ("workers", "path", "status"),
    [
        (Workers(), "profile?seconds=many", 400),
        (Workers(is_busy=True), "profile?seconds=1", 409),
        (Workers(found=[]), "profile?seconds=1", 404),
        (Workers(), "profile?worker=2", 404),
        (Workers(), "heap", 404),
        (Workers(), "", 200),
        (Workers(), "cmdline", 200),
    ],
)
async def test_other_answers(workers: Workers, path: str, status: int) -> None:
    assert (await client(workers).get(f"/debug/pprof/{path}")).status == status


async def test_only_where_it_is_on_and_only_to_be_read() -> None:
    assert (await client(Workers(), has_debug=False).get("/debug/pprof/")).status == 404
    assert (await client(Workers()).get("/debug/pprof/profile", method="POST")).status == 405
