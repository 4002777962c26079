"""Templates render as Go renders them, fail where Go fails, and always come to an end."""

import contextlib
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gotemplate.calls import CALLS
from tests.gotemplate.errors import ERRORS
from tests.gotemplate.language import LANGUAGE
from trafficcop.gotemplate import TemplateError, render
from trafficcop.gotemplate.functions import functions


def rendered(text: str, **environ: str) -> str:
    return render(text, source="dynamic.yml", environ=environ)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(("text", "output"), LANGUAGE)
def test_language(text: str, output: str) -> None:
    assert rendered(text) == output


@pytest.mark.parametrize(("text", "output"), CALLS)
def test_functions(text: str, output: str) -> None:
    assert rendered(text) == output


@pytest.mark.parametrize(("text", "line", "column"), ERRORS)
def test_errors_have_a_place(text: str, line: int, column: int) -> None:
    with pytest.raises(TemplateError) as raised:
        rendered(text)
    assert (raised.value.line, raised.value.column) == (line, column)


def test_the_place_of_an_error_in_a_later_line() -> None:
    with pytest.raises(TemplateError, match=r"^3:5: function 'nosuch' not defined$"):
        rendered("a\nb\nc {{nosuch}}\n")


def test_the_environment() -> None:
    assert rendered('{{ env "A" }} {{ env "B" }} {{ expandenv "$A-${A}-$B." }}', A="x") == "x  x-x-."


def test_text_without_actions_is_not_touched() -> None:
    assert rendered("Host(`a`) {a-z} }}") == "Host(`a`) {a-z} }}"


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("{{ uuidv4 }}", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("{{ randAlphaNum 12 }}", r"[A-Za-z0-9]{12}"),
        ("{{ randNumeric 3 }}", r"\d{3}"),
        ("{{ randAlpha 3 }}", r"[A-Za-z]{3}"),
        ("{{ randAscii 3 }}", r"[ -~]{3}"),
        ("{{ randInt 3 5 }}", r"[34]"),
        ("{{ randBytes 3 }}", r"[A-Za-z0-9+/]{4}"),
        ('{{ shuffle "aab" }}', r"[ab]{3}"),
        ('{{ htpasswd "me" "secret" }}', r"me:\$2a\$10\$.{53}"),
        ('{{ encryptAES "key" "text" | decryptAES "key" }}', "text"),
        ("{{ now.Year }}", r"\d{4}"),
        ('{{ derivePassword 1 "long" "password" "user" "example.com" }}', r"ZedaFaxcZaso9\*"),
        ('{{ genPrivateKey "ecdsa" }}', r"(?s)-----BEGIN EC PRIVATE KEY-----.*"),
        ('{{ genPrivateKey "ed25519" }}', r"(?s)-----BEGIN PRIVATE KEY-----.*"),
        (
            '{{ $ca := genCA "ca" 1 }}{{ (genSignedCert "a" (list "127.0.0.1") (list "a.example.com") 1 $ca).Cert }}',
            r"(?s)-----BEGIN CERTIFICATE-----.*",
        ),
    ],
)
def test_what_is_new_each_time(text: str, pattern: str) -> None:
    assert re.fullmatch(pattern, rendered(text).rstrip("\n"))


@pytest.mark.parametrize(
    "text",
    [
        "{{ until 1000000000 }}",
        "{{ range 1000000000 }}{{ end }}",
        '{{ repeat 1000000000 "x" }}',
        '{{ repeat 4000000 "ab" | repeat 1000 }}',
        '{{ $x := "xxxxxxxxxxxxxxxx" }}{{ range until 100 }}{{ $x = print $x $x }}{{ end }}',
        "{{ $x := list 1 }}{{ range until 100 }}{{ $x = list $x $x }}{{ end }}{{ $x }}",
        "{{ $x := list 1 }}{{ range until 100 }}{{ $x = concat $x $x }}{{ end }}{{ $x }}",
        '{{ $d := dict }}{{ set $d "self" $d }}',
        '{{ $d := dict }}{{ $_ := set $d "self" $d }}{{ toJson $d }}',
        '{{ $d := dict }}{{ $_ := set $d "self" $d }}{{ deepCopy $d | len }}',
        '{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}',
        "{{ range until 1000000 }}{{ range until 1000000 }}{{ end }}{{ end }}",
        "{{ range until 1000 }}{{ range until 1000 }}0123456789012345678901234567890123{{ end }}{{ end }}",
        "{{ printf (repeat 100 `%999999d`) 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ if 1 }}" * 3000 + "{{ end }}" * 3000,
        "{{ seq 1 1000000000 }}",
        "{{ randAlpha 1000000000 }}",
        '{{ indent 1000000000 "a" }}',
        '{{ replace "" (repeat 10000 "y") (repeat 10000 "x") }}',
    ],
)
def test_nothing_grows_without_bound(text: str) -> None:
    with pytest.raises(TemplateError):
        rendered(text)


_SLOW = ("gen", "getHost", "bcrypt", "htpasswd", "derive")
_NAMES = sorted(name for name in functions({}) if not name.startswith(_SLOW))
_WORDS = (
    "{{ }} {{- -}} ( ) | . $ $x := = , if else end range with define template block break `b` 'c' 1 -2 1.5 nil true"
    ' /* */ .a list dict and or "%v%d" "2006-01-02" "(" 100 x'
)
_PIECES = st.sampled_from([*_NAMES, *_WORDS.split(" "), " ", "\n"])


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=25))
def test_no_text_does_anything_but_render_or_fail(pieces: list[str]) -> None:
    text = "{{ " + " ".join(pieces) + " }}"
    for given_text in (text, "{{" + "".join(pieces)):
        with contextlib.suppress(TemplateError):
            assert isinstance(rendered(given_text), str)


_VALUES = (
    '"a"', '""', '"é\\xff"', "0", "-1", "7", "1.5", "1e300", "nil", "true", "(list)", "(list 1 nil)", "(dict)", "now",
    '(dict "a" 1)', '(semver "1.2.3")', '"%s"', '"["', "(until 3)", '(splitList "," "a,b")', "9223372036854775807",
)  # fmt: skip
_ARGUMENTS = st.lists(st.sampled_from(_VALUES), max_size=5)


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(_NAMES), _ARGUMENTS)
def test_no_argument_makes_a_function_do_anything_but_answer_or_fail(name: str, arguments: list[str]) -> None:
    with contextlib.suppress(TemplateError):
        assert isinstance(rendered(f"{{{{ {name} {' '.join(arguments)} }}}}"), str)
