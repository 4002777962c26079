"""`trafficcop explain` as a command."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.control.explain.test_text import GOLDEN
from tests.test_cli import run as run_process
from trafficcop.control.explain import command
from trafficcop.control.explain.command import Asked
from trafficcop.errors import BadQuestion


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shop(tmp_path: Path) -> str:
    """Static and dynamic configuration in one file."""
    path = tmp_path / "shop.yml"
    path.write_text((GOLDEN / "static.yml").read_text() + (GOLDEN / "shop.yml").read_text())
    return str(path)


def run(*arguments: str, output: io.StringIO | None = None, **environ: str) -> tuple[int, str]:
    output = output or io.StringIO()
    return command.run(arguments, environ, output), output.getvalue()


QUESTION = ("--url", "https://shop.example.com/api/items?page=2", "-H", "X-Debug: 1", "--client-ip", "203.0.113.7")


def test_text_of_a_process(shop):
    done = run_process("explain", "-c", shop, *QUESTION)
    assert (done.returncode, done.stdout) == (0, (GOLDEN / "forwarded.txt").read_text())
    assert done.stderr == "the configuration has 1 error: trafficcop --validate tells more\n"


def test_json(shop):
    code, text = run("-c", shop, *QUESTION, "--format=json")
    assert (code, json.loads(text)) == (0, json.loads((GOLDEN / "forwarded.json").read_text()))


@pytest.mark.parametrize(
    ("environ", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals(shop, environ, is_coloured):
    _, text = run("-c", shop, *QUESTION, output=Terminal(), **environ)
    assert text == (GOLDEN / ("forwarded.ansi" if is_coloured else "forwarded.txt")).read_text()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--url", "https://shop.example.com/"], 0),
        (["--url=https://shop.example.com/admin"], 0),
        (["--url", "https://db.example.com/"], 0),
        (["--url", "https://nobody.example.com/"], 1),
        (["--url", "http://shop.example.com:8000/"], 1),
        (["--url", "http://shop.example.com/", "--entry-point", "intern"], 1),
        (["--url", "https://shop.example.com/%zz"], 1),
    ],
)
def test_exit_codes(shop, arguments, code):
    assert run("-c", shop, *arguments)[0] == code


def test_as_curl_has_it():
    asked = Asked(
        ["-XPOST", "-HA: b", "--header=C:d", "-H", "E;", "-H", "F:", "-H", "A: c: d", "--url", "u", "-c", "f"]
    )
    assert asked.headers == [("A", "b"), ("C", "d"), ("E", ""), ("A", "c: d")]
    assert asked.values == {"method": "POST", "url": "u"}
    assert asked.others == ["-c", "f"]
    question = Asked(["--url=u", "--request", "PUT", "--client-ip=::1", "--entry-point", "web"]).question
    assert (question.url, question.method, question.client_ip, question.entry_point) == ("u", "PUT", "::1", "web")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "--url is missing: trafficcop explain -c FILE --url https://host/path"),
        (["--url"], "--url: its value is missing"),
        (["--url=u", "-H"], "-H: its value is missing"),
        (["--url=u", "-H", "no colon"], "-H: 'no colon' is not of the form 'Name: value'"),
        (["--url=u", "--format", "xml"], "--format: 'xml' is neither text nor json"),
    ],
)
def test_arguments_that_make_no_question(arguments, text):
    with pytest.raises(BadQuestion) as caught:
        Asked(arguments)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--url", "shop.example.com"], "trafficcop explain: URL: 'shop.example.com' is not of the form"),
        (["--url", "http://a/", "-H", "a b: c"], "trafficcop explain: header: 'a b' is no name of a field"),
        (["--url", "http://a/", "--client-ip", "a"], "trafficcop explain: client IP: 'a' is no address"),
        (
            ["--url", "http://a/", "--entry-point", "a"],
            "trafficcop explain: entry point: there is no 'a', only intern,",
        ),
    ],
)
def test_a_bad_question_is_one_line(shop, capsys, arguments, line):
    Path(shop).write_text(Path(shop).read_text().replace("service: gone", "service: shop"))
    assert run("-c", shop, *arguments) == (1, "")
    told = capsys.readouterr().err
    assert told.startswith(line)
    assert told.count("\n") == 1


def test_a_broken_static_configuration(tmp_path, capsys):
    path = tmp_path / "broken.yml"
    path.write_text("entryPoints: {web: {adress: ':80'}}\n")
    assert run("-c", str(path), "--url", "http://a/") == (1, "")
    assert "adress" in capsys.readouterr().err


def test_a_broken_dynamic_file_is_told(tmp_path, capsys):
    (tmp_path / "dynamic.yml").write_text("http: [\n")
    (tmp_path / "static.yml").write_text(
        f"entryPoints: {{web: {{address: ':80'}}}}\nproviders: {{file: {{filename: {tmp_path}/dynamic.yml}}}}\n"
    )
    code, text = run("-c", str(tmp_path / "static.yml"), "--url", "http://a/")
    assert (code, "404" in text) == (1, True)
    assert "dynamic.yml" in capsys.readouterr().err


def test_flags_and_other_providers(tmp_path, capsys):
    dynamic = tmp_path / "dynamic.yml"
    dynamic.write_text("http: {routers: {r: {rule: 'PathPrefix(`/`)', service: noop@internal}}}\n")
    flags = ["--entryPoints.web.address=:80", f"--providers.file.filename={dynamic}", "--providers.rest=true"]
    code, text = run("--url", "http://a/", *flags)
    assert (code, text.splitlines()[1]) == (0, "→ 418 I'm a teapot, from service noop@internal")
    assert capsys.readouterr().err.startswith("--providers.rest: providers.rest: what this provider delivers is not")


def test_help(shop):
    done = run_process("explain", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == command.USAGE
    assert "explain" in run_process("--help").stdout.split("Flags")[0]
