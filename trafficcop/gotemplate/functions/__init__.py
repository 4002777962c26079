"""The functions a template may call, by family."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.gotemplate.functions.builtin import BUILTIN
from trafficcop.gotemplate.functions.certificates import CERTIFICATES
from trafficcop.gotemplate.functions.crypto import CRYPTO
from trafficcop.gotemplate.functions.dicts import DICTS
from trafficcop.gotemplate.functions.encoding import ENCODING
from trafficcop.gotemplate.functions.lists import LISTS
from trafficcop.gotemplate.functions.math import MATH
from trafficcop.gotemplate.functions.paths import PATHS, environment
from trafficcop.gotemplate.functions.regex import REGEX
from trafficcop.gotemplate.functions.registry import Function
from trafficcop.gotemplate.functions.strings import STRINGS
from trafficcop.gotemplate.functions.times import TIMES
from trafficcop.gotemplate.functions.versions import VERSIONS
from trafficcop.gotemplate.functions.words import WORDS

_FAMILIES = (
    BUILTIN, STRINGS, WORDS, LISTS, DICTS, MATH, ENCODING, REGEX, PATHS, TIMES, CRYPTO, CERTIFICATES, VERSIONS,
)  # fmt: skip


def functions(environ: Mapping[str, str]) -> dict[str, Function]:
    """All of them; `env` reads `environ`."""
    known: dict[str, Function] = {}
    for family in (*_FAMILIES, environment(environ)):
        known.update(family.functions)
    return known
