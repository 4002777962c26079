"""Sprig's functions on strings and string lists."""

from __future__ import annotations

import re
import secrets
import string
import uuid
from collections.abc import Callable

from trafficcop.gotemplate.formatting import sprint
from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.quoting import from_bytes, quote, to_bytes
from trafficcop.gotemplate.values import LARGEST_LIST, LARGEST_TEXT, FunctionError, Map, Slice

STRINGS = Family()

# What Go's unicode.IsSpace takes for white space.
_BLANK = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def text_of(value: object) -> str:
    """A string stays; anything else as `%v` prints it."""
    return value if isinstance(value, str) else sprint(value)


def texts_of(value: object) -> list[str]:
    if isinstance(value, Slice):
        return [text_of(item) for item in value if item is not None]
    return [] if value is None else [text_of(value)]


def repeated(text: str, count: int) -> str:
    if count < 0:
        raise FunctionError("strings: negative Repeat count")
    if len(text) * count > LARGEST_TEXT:
        raise FunctionError("the text grows too large")
    return text * count


def title(text: str) -> str:
    """The first letter of each word in upper case; a word ends at anything but letters, digits and `_`."""
    return re.sub(r"(?<![\w\u0080-\U0010ffff])[^\W\d_]", _upper, text)


def _upper(found: re.Match[str]) -> str:
    letter = found[0].title()
    return letter if len(letter) == 1 else found[0]


def slices_of(text: str, separator: str, limit: int = -1) -> list[str]:
    """Go's strings.SplitN; an empty separator gives the letters."""
    if limit == 0:
        return []
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    letters = list(text)
    if limit > 0 and len(letters) > limit:
        letters = [*letters[: limit - 1], "".join(letters[limit - 1 :])]
    return letters


def _numbered(parts: list[str]) -> Map:
    return Map({f"_{index}": part for index, part in enumerate(parts)}, "string")


def normalize(text: str) -> str:
    """Letters and digits stay, what stands between them becomes one dash (Traefik `pkg/provider/normalize.go`)."""
    return "-".join(re.findall(r"[^\W_]+", text))


def plain_replace(text: str, old: str, new: str) -> str:
    if len(text) + text.count(old) * len(new) > LARGEST_TEXT:
        raise FunctionError("the text grows too large")
    return text.replace(old, new)


def indented(spaces: int, text: str) -> str:
    pad = repeated(" ", spaces)
    return pad + plain_replace(text, "\n", "\n" + pad)


add = STRINGS.add
add("hello", "", lambda: "Hello!")
add("upper", "string", lambda text: "".join(letter.upper() if len(letter.upper()) == 1 else letter for letter in text))
add("lower", "string", lambda text: "".join(letter.lower()[:1] for letter in text))
add("trim", "string", lambda text: text.strip(_BLANK))
add("trimAll trimall", "string string", lambda cut, text: text.strip(cut) if cut else text)
add("trimPrefix", "string string", lambda prefix, text: text.removeprefix(prefix))
add("trimSuffix", "string string", lambda suffix, text: text.removesuffix(suffix))
add("title", "string", title)
add("untitle", "string", lambda text: re.sub(r"(^|\s)(\S)", lambda found: found[1] + found[2].lower(), text))
add("repeat", "int string", lambda count, text: repeated(text, count))
add("nospace", "string", lambda text: "".join(letter for letter in text if letter not in _BLANK))
add("contains", "string string", lambda part, text: part in text)
add("hasPrefix", "string string", lambda part, text: text.startswith(part))
add("hasSuffix", "string string", lambda part, text: text.endswith(part))
add("replace", "string string string", lambda old, new, text: plain_replace(text, old, new))
add("plural", "string string int", lambda one, many, count: one if count == 1 else many)
add("indent", "int string", indented)
add("nindent", "int string", lambda spaces, text: "\n" + indented(spaces, text))
add("toString", "any", text_of)
add("toStrings", "any", lambda value: Slice(texts_of(value), "string"))
add("join", "string any", lambda separator, value: separator.join(texts_of(value)))
add("splitList", "string string", lambda separator, text: Slice(slices_of(text, separator), "string"))
add("split", "string string", lambda text, separator: Slice(slices_of(text, separator), "string"))
add("splitn", "string int string", lambda separator, limit, text: _numbered(slices_of(text, separator, limit)))
add("normalize", "string", normalize)
add("quote", "...any", lambda *values: " ".join(quote(text_of(value)) for value in values if value is not None))
add("squote", "...any", lambda *values: " ".join(f"'{sprint(value)}'" for value in values if value is not None))
add("cat", "...any", lambda *values: " ".join(sprint(value) for value in values if value is not None))
add("uuidv4", "", lambda: str(uuid.uuid4()))


@STRINGS("sortAlpha", "any")
def sort_alpha(value: object) -> Slice:
    return Slice(sorted(texts_of(value), key=to_bytes), "string")


@STRINGS("trunc", "int string")
def trunc(count: int, text: str) -> str:
    content = to_bytes(text)
    if count < 0 and len(content) + count > 0:
        return from_bytes(content[count:])
    return from_bytes(content[:count]) if 0 <= count < len(content) else text


@STRINGS("substr", "int int string")
def substring(start: int, end: int, text: str) -> str:
    content = to_bytes(text)
    if start < 0:
        start = 0
    elif end < 0 or end > len(content):
        end = len(content)
    if not 0 <= start <= end <= len(content):
        raise FunctionError("slice bounds out of range")
    return from_bytes(content[start:end])


@STRINGS("initials", "string")
def initials(text: str) -> str:
    return "".join(word[0] for word in text.split())


@STRINGS("abbrev", "int string")
def abbreviate(width: int, text: str) -> str:
    return text if width < 4 else _abbreviated(text, 0, width)


@STRINGS("abbrevboth", "int int string")
def abbreviate_both(left: int, right: int, text: str) -> str:
    if right < 4 or (left > 0 and right < 7):
        return text
    return _abbreviated(text, left, right)


def _abbreviated(text: str, offset: int, width: int) -> str:
    """`text` in at most `width` bytes, what is left out marked by dots (goutils `AbbreviateFull`)."""
    content = to_bytes(text)
    if len(content) <= width:
        return text
    offset = min(offset, len(content))
    if len(content) - offset < width - 3:
        offset = len(content) - (width - 3)
    if offset <= 4:
        return from_bytes(content[: width - 3]) + "..."
    if offset + width - 3 < len(content):
        rest = from_bytes(content[offset:])
        return "..." + _abbreviated(rest, 0, width - 3)
    return "..." + from_bytes(content[len(content) - (width - 3) :])


def _random(alphabet: str) -> Callable[[int], str]:
    def make(count: int) -> str:
        if not 0 <= count <= LARGEST_LIST:
            raise FunctionError(f"cannot make a random text of {count} letters")
        return "".join(secrets.choice(alphabet) for _ in range(count))

    return make


for _name, _alphabet in (
    ("randAlphaNum", string.ascii_letters + string.digits),
    ("randAlpha", string.ascii_letters),
    ("randNumeric", string.digits),
    ("randAscii", "".join(map(chr, range(32, 127)))),
):
    add(_name, "int", _random(_alphabet), cost=1000)


@STRINGS("shuffle", "string")
def shuffle(text: str) -> str:
    letters = list(text)
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)
