"""`trafficcop config`: what acts, where it comes from, and that it loads to the same again."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.config.test_every_option import STATIC, _nested, _value
from trafficcop.config.decode import decode_static
from trafficcop.config.document import Document
from trafficcop.config.effective import effective_static
from trafficcop.config.inventory import Inventory, plain
from trafficcop.config.own_flags import BadFlagError, take_choice, take_switch
from trafficcop.config.show import run
from trafficcop.config.sources import load_text
from trafficcop.config.static import StaticConfiguration
from trafficcop.config.syntax.yaml_writer import scalar, write_yaml


def shown(*arguments: str, **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run(list(arguments), {"HOME": "/nonexistent", **environ}, out, err)
    return code, out.getvalue(), err.getvalue()


def lines(*arguments: str, **environ: str) -> list[str]:
    """What is printed, with one space before a comment."""
    code, out, err = shown(*arguments, **environ)
    assert (code, err) == (0, "")
    return [
        line if "  # " not in line else " # ".join(map(str.rstrip, line.split("  # "))) for line in out.splitlines()
    ]


FILE = """\
api: {}
ping:
entrypoints:
  web:
    address: ":8000"
    http:
      tls:
        domains:
          - {main: a.example.com, sans: [b.example.com]}
certificatesResolvers: {r: {acme: {caServer: "https://acme-v01.api.letsencrypt.org/directory", tlsChallenge: {}}}}
"""


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.yml").write_text(FILE)
    code, out, err = shown("-c", "t.yml")
    assert code == 0
    assert err.startswith("warning: t.yml:10:")
    assert [line.split() for line in out.splitlines()] == [
        ["api:", "{}", "#", "t.yml:1"],
        ["certificatesResolvers:"],
        ["r:"],
        ["acme:"],
        ["caServer:", '"https://acme-v02.api.letsencrypt.org/directory"', "#", "t.yml:10"],
        ["tlsChallenge:", "{}", "#", "t.yml:10"],
        ["entryPoints:"],
        ["web:"],
        ["address:", '":8000"', "#", "t.yml:5"],
        ["http:"],
        ["tls:"],
        ["domains:"],
        ["-", "main:", "a.example.com", "#", "t.yml:9"],
        ["sans:", "[b.example.com]", "#", "t.yml:9"],
    ]


def test_flags():
    assert lines("--entryPoints.web.address=:80", "--api.insecure", "--ping=true") == [
        "api:",
        "  insecure: true # --api.insecure",
        "entryPoints:",
        "  web:",
        '    address: ":80" # --entryPoints.web.address',
        "  traefik:",
        '    address: ":8080" # implied',
        "ping: {} # --ping",
    ]


def test_variables():
    assert lines(TRAEFIK_ENTRYPOINTS_WEB_ADDRESS=":80", TRAFFICCOP_LOG_LEVEL="INFO") == [
        "entryPoints:",
        "  web:",
        '    address: ":80" # TRAEFIK_ENTRYPOINTS_WEB_ADDRESS',
        "log:",
        "  level: INFO # TRAFFICCOP_LOG_LEVEL",
    ]


def test_nothing_at_all():
    assert lines() == ["entryPoints:", "  http:", '    address: ":80" # implied']


def test_defaults():
    said = lines("--defaults", "--entryPoints.web.address=:80")
    assert "  web:" in said
    assert "    asDefault: false # default" in said
    assert "      lifeCycle:" in said
    assert "  providersThrottleDuration: 2s # default" in said
    assert not any(line.startswith("accessLog") for line in said)


SECRETS = """\
providers:
  consul: {token: hunter2, endpoints: ["http://user:hunter2@h:1"]}
  http: {endpoint: "https://h", headers: {X-Key: hunter2}}
  plugin: {p: {apiToken: hunter2, n: {password: hunter2, level: 3}}}
metrics: {influxDB2: {token: hunter2}}
serversTransport: {rootCAs: ["-----BEGIN PRIVATE KEY-----hunter2"]}
"""


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_secrets_are_masked(tmp_path: Path, form: str):
    (tmp_path / "t.yml").write_text(SECRETS)
    code, out, _ = shown("-c", str(tmp_path / "t.yml"), "--format", form)
    assert code == 0
    assert "hunter2" not in out
    assert out.count("xxxx") == 7
    assert "level" in out


def test_json(tmp_path: Path):
    (tmp_path / "t.yml").write_text("entryPoints: {web: {address: ':80'}}\nlog: {level: INFO}\n")
    code, out, _ = shown("-c", str(tmp_path / "t.yml"), "--format=json")
    assert code == 0
    assert json.loads(out) == {
        "configuration": {"entryPoints": {"web": {"address": ":80"}}, "log": {"level": "INFO"}},
        "sources": {"entryPoints.web.address": f"{tmp_path}/t.yml:1", "log.level": f"{tmp_path}/t.yml:2"},
    }


def test_what_is_not_valid_is_told_instead(tmp_path: Path):
    (tmp_path / "t.yml").write_text("entryPoints: {web: {adress: ':80'}}\nfoo: 1\n")
    code, out, err = shown("-c", str(tmp_path / "t.yml"))
    assert (code, out) == (1, "")
    assert err.startswith(f"{tmp_path}/t.yml:1:21: entryPoints.web.adress: ")
    assert "warning" not in err


def test_flags_of_a_command():
    words = ["--format", "a", "-x", "--strict", "--format=b"]
    assert take_switch(words, "strict")
    assert not take_switch(words, "strict")
    assert take_choice(words, "format", ("a", "b")) == "b"
    assert words == ["-x"]
    with pytest.raises(BadFlagError, match="--format: 'c' is not known: use a or b"):
        take_choice(["--format=c"], "format", ("a", "b"))


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_text_is_read_again_as_it_was(text: str):
    assert yaml.safe_load(f"{scalar(text)}: [{scalar(text)}]") == {text: [text]}


@pytest.mark.parametrize(
    "text",
    ["true", "No", "~", "1", "1.5", "1:30", ":80", "0x1", "1e3", "", "- a", "#", "=", "<<", "2001-01-01"],
)
def test_texts_that_yaml_would_take_for_something_else(text: str):
    assert yaml.safe_load(f"{{a: {scalar(text)}}}") == {"a": text}


def _again(static: StaticConfiguration, document: Document | None, *, has_defaults: bool) -> StaticConfiguration:
    text = write_yaml(Inventory(document, has_defaults=has_defaults).of(static))
    decoded = decode_static(load_text(text, "yaml", "again.yml"))
    assert [issue for issue in decoded.issues if not issue.is_warning] == []
    return effective_static(decoded.value)


def _merged(first: Any, second: Any) -> Any:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return {key: _merged(first.get(key), second.get(key)) for key in first | second}
    return first if second is None else second


_UNMASKED = [leaf for leaf in STATIC if not {"plugin", "headers"} & set(leaf[0])]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(_UNMASKED), min_size=1, max_size=12), st.booleans())
def test_it_loads_to_the_same_again(leaves: list[Any], has_defaults: bool):
    data: Any = {}
    for names, _, shape in leaves:
        data = _merged(data, _nested(names, _value(shape)[0]))
    document = Document(data)
    static = effective_static(decode_static(document).value)
    if "xxxx" not in str(plain(Inventory(document, has_defaults=True).of(static))):
        assert _again(static, document, has_defaults=has_defaults) == static
