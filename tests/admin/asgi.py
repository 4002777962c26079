"""A client that calls an ASGI application directly and sees what it sends."""

import json
from dataclasses import dataclass


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class Client:
    def __init__(self, app):
        self.app = app

    async def get(self, target, *, method="GET", headers=()):
        raw, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": raw,
            "raw_path": raw.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        head = sent[0]
        fields = {name.decode().title(): value.decode() for name, value in head["headers"]}
        return Answer(head["status"], fields, b"".join(part.get("body", b"") for part in sent[1:]))
