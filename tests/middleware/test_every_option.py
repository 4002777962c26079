"""Every option of every HTTP middleware, once at least, through a listener and towards a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.live import Seen, ask, backend, live, plain
from tests.middleware import option_rows, option_rows_answers
from tests.middleware.option_rows import SHA, Row
from trafficcop.config.middlewares import Middleware
from trafficcop.config.shape import Kind, Shape, options_of

ROWS = [
    *option_rows.PATHS,
    *option_rows.ADDRESSES,
    *option_rows.AUTH,
    *option_rows.LIMITS,
    *option_rows_answers.HEADERS,
    *option_rows_answers.ANSWERS,
    *option_rows_answers.FORWARD,
    *option_rows_answers.OWN,
]
# What needs more than one server and one client has its tables there.
ELSEWHERE = {
    "digestAuth.": "middleware/test_digest_auth.py",
    "forwardAuth.tls.": "middleware/test_forward_auth.py",
    "passTLSClientCert.info.": "middleware/test_pass_tls_client_cert.py",
    "rateLimit.redis.tls.": "store/test_redis.py",
}
UNSUPPORTED = {"plugin"}
STATIC = "entryPoints: {web: {address: '127.0.0.1:0', forwardedHeaders: {insecure: true}}}"
SECRET = "0123456789abcdef0123456789abcdef"
TOKEN = jwt.encode({"sub": "me", "role": "a", "iss": "us", "aud": "it", "exp": 4102444800}, SECRET)
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
KEYS = {"keys": [jwt.algorithms.OKPAlgorithm.to_jwk(KEY.public_key(), as_dict=True)]}
SIGNED = jwt.encode({"sub": "me"}, KEY, "EdDSA")
DYNAMIC = """http:
  routers: {{all: {{rule: 'PathPrefix(`/`)', service: app, middlewares: [tested]}}}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}], passHostHeader: true}}}}
    page: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
  middlewares:
    other: {{headers: {{customRequestHeaders: {{X-Other: '1'}}}}}}
    tested: {{{middleware}}}
"""


def answer(row: Row, head: str) -> bytes:
    """As the auth server, the key server, the page or the server itself."""
    target = head.split(" ")[1]
    if target == "/?keys":
        return plain(200, json.dumps(KEYS).encode())
    if "\r\nHost: 127.0.0.1:" in head:
        status = int(target.partition("status=")[2] or 200)
        return plain(status, b"said", "X-Who: auth\r\nSet-Cookie: a=b\r\nLocation: /login\r\n")
    if target.startswith("/50"):
        return plain(200, b"page")
    status_line, *fields = row.server.split("\n")
    return plain(int(status_line), b"x" * row.size, "".join(f"{line}\r\n" for line in fields))


def files(directory: Path) -> dict[str, str]:
    texts = {"users": f"# who may\nuser:{SHA}\n", "page": "a page", "key": PUBLIC.decode()}
    for name, text in texts.items():
        (directory / name).write_text(text)
    return {f"@{name}": str(directory / name) for name in texts}


async def exchange(row: Row, directory: Path) -> str:
    """All that was said: by us to servers, numbered, and by us to the client."""
    seen, said = Seen(), []
    async with backend(lambda number, head, body: answer(row, head), seen) as port:
        middleware = row.middleware
        for name, value in {**files(directory), "@auth": f"http://127.0.0.1:{port}"}.items():
            middleware = middleware.replace(name, value)
        async with live(DYNAMIC.format(port=port, middleware=middleware), STATIC) as web:
            for request in row.asked.replace("@token", TOKEN).replace("@signed", SIGNED).split("\n\n"):
                status, headers, body = await ask(web, request, row.body.encode())
                lines = [f">> {status}", *(f"{name}: {value}" for name, value in headers.items())]
                said.append("\n".join([*lines, "", body.decode("latin-1")]))
    for number, (head, sent) in enumerate(zip(seen.heads, seen.bodies, strict=True), 1):
        lines = [*head.strip().split("\r\n"), sent.decode()]
        said.append("<< " + "\n".join(f"{line} ({number})" for line in lines))
    return "\n".join(said)


@pytest.mark.parametrize("row", ROWS, ids=[f"{number}: {row.middleware}" for number, row in enumerate(ROWS)])
async def test_option(row: Row, tmp_path: Path) -> None:
    said = await exchange(row, tmp_path)
    for text in row.outcome:
        assert (text.removeprefix("!") in said) is not text.startswith("!"), f"{text}\n{said}"


# === nothing is left out ===


def declared(section: type[object], prefix: str = "") -> Iterator[str]:
    for option in options_of(section):
        name = prefix + option.key
        shape: Shape | None = option.shape
        while shape is not None and shape.kind is Kind.LIST:
            shape = shape.item
        if shape is not None and shape.kind is Kind.SECTION:
            yield from declared(shape.type, f"{name}.")
        else:
            yield name


def given(value: object, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield prefix + key
            yield from given(item, f"{prefix}{key}.")
    elif isinstance(value, list):
        for item in value:
            yield from given(item, prefix)


def without_rows() -> set[str]:
    in_rows = {name for row in ROWS for name in given(yaml.safe_load(f"{{{row.middleware}}}"))}
    return set(declared(Middleware)) - in_rows - UNSUPPORTED


def test_every_option_has_a_row() -> None:
    assert {name for name in without_rows() if not name.startswith(tuple(ELSEWHERE))} == set()


@pytest.mark.parametrize(("prefix", "module"), ELSEWHERE.items())
def test_options_with_a_table_of_their_own(prefix: str, module: str) -> None:
    text = (Path(__file__).parents[1] / module).read_text()
    for name in without_rows():
        if name.startswith(prefix):
            key = name.rpartition(".")[2]
            snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
            assert key in text or snake in text, name
