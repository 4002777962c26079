"""`trafficcop explain`: a question in curl's words about a configuration that need not run."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from trafficcop.control.explain.answer import explain
from trafficcop.control.explain.question import Question, check
from trafficcop.control.explain.text import to_text
from trafficcop.control.offline import Offline, read_configuration
from trafficcop.control.validation.validate import unchecked_providers
from trafficcop.errors import BadQuestion

USAGE = """\
trafficcop explain says which router takes a request and why, what its middlewares do, and which servers are asked.

Usage: trafficcop explain -c FILE --url URL [options] [flags of the static configuration]

  --url URL           http://host/path or https://host/path
  -X, --method NAME   the method (default GET)
  -H 'NAME: VALUE'    a header field, as often as you like; Host wins over the host of the URL
  --client-ip IP      who asks (default 127.0.0.1)
  --entry-point NAME  where it comes in; found by the URL if there is only one choice
  --format text|json  (default text)

Exit code: 0 if a router takes the request, 1 if none does, if the configuration is broken, or the question is.
"""

_MOST = 10
_OPTIONS = {
    "--url": "url",
    "-X": "method",
    "--method": "method",
    "--request": "method",
    "-H": "header",
    "--header": "header",
    "--client-ip": "client",
    "--entry-point": "entry point",
    "--format": "format",
}


class Asked:
    """What the arguments say, and those that are about the static configuration."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.values: dict[str, str] = {}
        self.headers: list[tuple[str, str]] = []
        self.others: list[str] = []
        rest = list(arguments)
        while rest:
            self._take(rest)
        if self.values.get("format", "text") not in ("text", "json"):
            raise BadQuestion(f"--format: {self.values['format']!r} is neither text nor json")
        if not self.values.get("url"):
            raise BadQuestion("--url is missing: trafficcop explain -c FILE --url https://host/path")

    def _take(self, rest: list[str]) -> None:
        word = rest.pop(0)
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if len(word) > 2 and word[:2] in ("-X", "-H"):  # as curl has it: -XPOST
            name, equals, value = word[:2], "=", word[2:]
        key = _OPTIONS.get(name)
        if key is None:
            self.others.append(word)
            return
        if not equals:
            if not rest:
                raise BadQuestion(f"{name}: its value is missing")
            value = rest.pop(0)
        if key == "header":
            self.headers += _header(value)
        else:
            self.values[key] = value

    @property
    def question(self) -> Question:
        return Question(
            url=self.values["url"],
            method=self.values.get("method", "GET"),
            headers=tuple(self.headers),
            client_ip=self.values.get("client", "127.0.0.1"),
            entry_point=self.values.get("entry point", ""),
        )


def _header(text: str) -> list[tuple[str, str]]:
    """`Name: value`; `Name;` is one without a value, `Name:` is none."""
    name, colon, value = text.partition(":")
    if colon:
        return [(name.strip(), value.strip())] if value.strip() else []
    if text.endswith(";"):
        return [(text[:-1].strip(), "")]
    raise BadQuestion(f"-H: {text!r} is not of the form 'Name: value'")


def run(arguments: Sequence[str], environ: Mapping[str, str], output: TextIO) -> int:
    """Answer one question; the exit code."""
    try:
        asked = Asked(arguments)
        check(asked.question)
        read = read_configuration(asked.others, environ)
        _tell(read)
        if read.loaded.errors:
            return 1
        answer = explain(asked.question, read.loaded.static, read.plan, read.report)
    except BadQuestion as error:
        print(f"trafficcop explain: {error}", file=sys.stderr)
        return 1
    if asked.values.get("format") == "json":
        output.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    else:
        is_coloured = output.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        output.write(to_text(answer, is_coloured=is_coloured))
    is_taken = answer["result"]["kind"] == "tcp" or answer.get("router") is not None
    return 0 if is_taken and answer["result"].get("by") != "nobody" else 1


def _tell(read: Offline) -> None:
    """What the answer cannot be trusted for: files that could not be read, and objects that were left out."""
    errors = dict.fromkeys(issue for issue in read.issues if not issue.is_warning)
    whole = [issue for issue in errors if not issue.owner]
    for issue in (*whole[:_MOST], *unchecked_providers(read.loaded.static, read.compilation.ledger.places)):
        print(" ".join(str(issue).split("\n")), file=sys.stderr)
    left = len(errors) - len(whole[:_MOST])
    if left:
        count = f"{left} error" if left == 1 else f"{left} errors"
        print(f"the configuration has {count}: trafficcop --validate tells more", file=sys.stderr)
