"""Numbers as Go writes and converts them."""

from __future__ import annotations

import math
import re

from trafficcop.gotemplate.values import Int64, Named, wrapped

_GO_INT = re.compile(
    r"[+-]?(0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO](_?[0-7])+|0(_?[0-7])*|[1-9](_?[0-9])*)", re.ASCII
)
_GO_FLOAT = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf(inity)?|nan)", re.ASCII | re.IGNORECASE)


def float_text(value: float, verb: str = "v", precision: int | None = None) -> str:
    """A float64 as `fmt` prints it: `%v` is the shortest text that reads back, with an exponent from 1e6 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "-Inf" if value < 0 else "Inf" if verb != "v" else "+Inf"
    if verb in "fF":
        return f"{value:.{6 if precision is None else precision}f}"
    if verb in "eE":
        return f"{value:.{6 if precision is None else precision}{verb}}"
    if precision is not None:
        return f"{value:.{precision or 1}{'G' if verb == 'G' else 'g'}}"
    return _shortest(value, 6, verb)


def _shortest(value: float, limit: int, verb: str = "v") -> str:
    sign = "-" if math.copysign(1, value) < 0 else ""
    digits, exponent = _digits(abs(value))
    if exponent < -4 or exponent >= limit:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        letter = "E" if verb == "G" else "e"
        return f"{sign}{mantissa}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    rest = digits[exponent + 1 :]
    return f"{sign}{whole}.{rest}" if rest else sign + whole


def _digits(value: float) -> tuple[str, int]:
    """The shortest digits without zeros at the end, and the decimal exponent of the first."""
    mantissa, _, exponent = f"{value!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    shift = int(exponent or "0") + len(whole) - 1
    digits = whole + fraction
    stripped = digits.lstrip("0")
    if not stripped:
        return "0", 0
    return stripped.rstrip("0") or "0", shift - (len(digits) - len(stripped))


def json_float(value: float) -> str:
    """As `encoding/json` writes it."""
    text = _shortest(value, 21)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        if value and abs(value) < 1e-6:
            digits, shift = _digits(abs(value))
            return ("-" if value < 0 else "") + digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e-{-shift}"
        return text
    if -6 <= int(exponent) < 0:
        digits, shift = _digits(abs(value))
        return f"{'-' if value < 0 else ''}0.{'0' * (-shift - 1)}{digits}"
    return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}"


def to_int64(value: object) -> Int64:
    """`cast.ToInt64` of sprig: 0 for what is no number."""
    match value:
        case bool():
            return Int64(value)
        case Named():
            return Int64(0)
        case int():
            return wrapped(value)
        case float():
            is_finite = math.isfinite(value) and abs(value) < 2**63
            return Int64(int(value)) if is_finite else Int64(-(2**63))
        case str():
            return Int64(_parsed(value))
    return Int64(0)


def _parsed(text: str) -> int:
    # A fraction of nothing but zeros is dropped (spf13/cast).
    text = re.sub(r"\.0*$", "", text)
    if not _GO_INT.fullmatch(text):
        return 0
    sign = -1 if text.startswith("-") else 1
    body = text.lstrip("+-").replace("_", "")
    is_octal = len(body) > 1 and body[0] == "0" and body[1].isdigit()
    value = sign * int(body, 8 if is_octal else 0)
    return value if -(2**63) <= value < 2**63 else 0


def to_float(value: object) -> float:
    """`cast.ToFloat64` of sprig: 0 for what is no number."""
    if isinstance(value, Named) or not isinstance(value, bool | int | float | str):
        return 0.0
    if isinstance(value, str):
        return float(value) if _GO_FLOAT.fullmatch(value) else 0.0
    return float(value)
