"""`POST /api/explain` in front of whoever answers."""

import json
from dataclasses import replace

import pytest

from tests.admin.sample import REPORT, STATIC, State
from trafficcop.admin.app import create_app
from trafficcop.config.static import API
from trafficcop.control.explain.live import question_of
from trafficcop.control.explain.question import Question
from trafficcop.errors import BadQuestion


class Client:
    """Sends a body in pieces and sees the answer."""

    def __init__(self, explain, static=STATIC):
        self.app = create_app(State(REPORT), static, explain)

    async def post(self, body=b"", *, path="/api/explain", method="POST", pieces=1, is_gone=False):
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [],
        }
        size = -(-len(body) // pieces) or 1
        parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        sent = []

        async def receive():
            if is_gone:
                return {"type": "http.disconnect"}
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        fields = {name.decode().title(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], fields, b"".join(part.get("body", b"") for part in sent[1:])


async def echo(fields):
    question_of(fields)
    return {"asked": dict(fields)}


async def test_the_answer_is_json():
    status, fields, body = await Client(echo).post(b'{"url": "http://a/", "headers": {"A": ["1", "2"]}}', pieces=7)
    assert (status, fields["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == {"asked": {"url": "http://a/", "headers": {"A": ["1", "2"]}}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is no JSON, line 1 column 1"),
        (b"{", "the body is no JSON, line 1 column 2"),
        (b'{"url": "\xff"}', "the body is no JSON"),
        (b"[" * 100_000, "the body is no JSON"),
        (b"[]", 'the body is no JSON object such as {"url": "https://example.com/"}'),
        (b"null", 'the body is no JSON object such as {"url": "https://example.com/"}'),
        (b"{}", "url: it is missing"),
        (b'{"url": 1}', "url: a string is expected"),
        (b'{"url": "u", "uri": 1}', "uri: unknown, there are url, method, headers, clientIP, entryPoint"),
        (b'{"url": "u", "method": []}', "method: a string is expected"),
        (b'{"url": "u", "headers": []}', "headers: an object of names and values is expected"),
        (b'{"url": "u", "headers": {"A": 1}}', "headers: the value of A is no string"),
        (b'{"url": "u", "headers": {"A": [null]}}', "headers: the value of A is no string"),
        (b'{"url": "' + b"u" * 300_000 + b'"}', "the question is longer than 262144 bytes"),
    ],
)
async def test_bad_bodies(body, message):
    status, fields, answer = await Client(echo).post(body, pieces=3)
    assert (status, fields["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert json.loads(answer) == {"message": message}
    assert answer.count(b"\n") == 1


async def test_a_bad_question():
    async def refuse(fields):
        raise BadQuestion("URL: no")

    assert json.loads((await Client(refuse).post(b'{"url": "no"}'))[2]) == {"message": "URL: no"}


async def test_only_post():
    for method in ("GET", "PUT", "HEAD"):
        status, fields, _ = await Client(echo).post(method=method)
        assert (status, fields["Allow"]) == (405, "POST")


async def test_a_client_that_leaves():
    assert (await Client(echo).post(b"{}", is_gone=True))[0] == 400


async def test_base_path_and_an_instance_without_it():
    there = Client(echo, replace(STATIC, api=API(base_path="/gate")))
    assert (await there.post(b'{"url": "u"}', path="/gate/api/explain"))[0] == 200
    assert (await there.post(b'{"url": "u"}'))[0] == 404
    assert (await Client(None).post(b'{"url": "u"}'))[0] == 404


def test_members_of_a_question():
    given = {
        "url": "u",
        "method": "PUT",
        "headers": {"A": "1", "B": ["2", "3"]},
        "clientIP": "::1",
        "entryPoint": "web",
    }
    assert question_of(given) == Question("u", "PUT", (("A", "1"), ("B", "2"), ("B", "3")), "::1", "web")
    assert question_of({"url": "u", "method": None, "headers": None, "clientIP": ""}) == Question("u")
