"""Sprig's arithmetic: on int64 with its overflow, and on decimals for floats."""

from __future__ import annotations

import decimal
import math
import secrets
from collections.abc import Callable

from trafficcop.gotemplate.formatting import sprint
from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.numbers import to_float, to_int64
from trafficcop.gotemplate.values import FunctionError, Int64, wrapped

MATH = Family()
add = MATH.add

add("add1", "any", lambda value: wrapped(to_int64(value) + 1))
add("add", "...any", lambda *values: wrapped(sum(map(to_int64, values))))
add("sub", "any any", lambda first, second: wrapped(to_int64(first) - to_int64(second)))
add("mul", "any ...any", lambda *values: wrapped(math.prod(map(to_int64, values))))
add("max biggest", "any ...any", lambda *values: Int64(max(map(to_int64, values))))
add("min", "any ...any", lambda *values: Int64(min(map(to_int64, values))))
add("maxf", "any ...any", lambda *values: max(map(to_float, values)))
add("minf", "any ...any", lambda *values: min(map(to_float, values)))
add("int64", "any", to_int64)
add("int", "any", lambda value: int(to_int64(value)))
add("float64", "any", to_float)


@MATH("div", "any any")
def div(first: object, second: object) -> Int64:
    """Towards zero, as Go divides."""
    dividend, divisor = to_int64(first), to_int64(second)
    if divisor == 0:
        raise FunctionError("runtime error: integer divide by zero")
    quotient = abs(dividend) // abs(divisor)
    return wrapped(quotient if (dividend < 0) == (divisor < 0) else -quotient)


@MATH("mod", "any any")
def mod(first: object, second: object) -> Int64:
    """With the sign of the dividend."""
    dividend, divisor = to_int64(first), to_int64(second)
    if divisor == 0:
        raise FunctionError("runtime error: integer divide by zero")
    rest = abs(dividend) % abs(divisor)
    return Int64(-rest if dividend < 0 else rest)


@MATH("atoi", "string")
def atoi(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdigit() or len(digits) > 1000:
        return 0
    return max(-(2**63), min(2**63 - 1, int(text)))


@MATH("toDecimal", "any")
def to_decimal(value: object) -> Int64:
    """A number written in octal."""
    digits = sprint(value)
    body = digits[1:] if digits[:1] in ("+", "-") else digits
    if not body or len(body) > 1000 or set(body) - set("01234567"):
        return Int64(0)
    number = int(digits, 8)
    return Int64(number if -(2**63) <= number < 2**63 else 0)


@MATH("randInt", "int int")
def rand_int(lowest: int, limit: int) -> int:
    if limit <= lowest:
        raise FunctionError("invalid argument to Intn")
    return lowest + secrets.randbelow(limit - lowest)


@MATH("floor", "any")
def floor(value: object) -> float:
    number = to_float(value)
    return float(math.floor(number)) if math.isfinite(number) else number


@MATH("ceil", "any")
def ceil(value: object) -> float:
    number = to_float(value)
    return float(math.ceil(number)) if math.isfinite(number) else number


@MATH("round", "any int ...float")
def round_to(value: object, places: int, *turns: float) -> float:
    """Upwards from `.5`, or from the third argument, at the given decimal place."""
    power = 10.0**places
    digit = power * to_float(value)
    if not math.isfinite(digit):
        return digit
    fraction = math.modf(digit)[0]
    rounded = math.ceil(digit) if fraction >= (turns[0] if turns else 0.5) else math.floor(digit)
    return rounded / power


_EXACT = decimal.Context(prec=400)
# shopspring/decimal keeps 16 digits after the point when it divides.
_PLACES = decimal.Decimal("1e-16")


def _divided(first: decimal.Decimal, second: decimal.Decimal) -> decimal.Decimal:
    if not second:
        raise FunctionError("decimal division by 0")
    quotient = _EXACT.divide(first, second)
    return quotient.quantize(_PLACES, rounding=decimal.ROUND_HALF_UP, context=decimal.Context(prec=800))


def _exactly(operation: Callable[[decimal.Decimal, decimal.Decimal], decimal.Decimal]) -> Callable[..., float]:
    def compute(*values: object) -> float:
        numbers = [to_float(value) for value in values]
        if not all(map(math.isfinite, numbers)):
            raise FunctionError("cannot create a decimal from NaN or infinity")
        result, *others = (decimal.Decimal(repr(number)) for number in numbers)
        for other in others:
            result = operation(result, other)
        return float(result)

    return compute


add("addf", "...any", lambda *values: _exactly(_EXACT.add)(0.0, *values))
add("add1f", "any", lambda value: _exactly(_EXACT.add)(value, 1))
add("subf", "any ...any", _exactly(_EXACT.subtract))
add("mulf", "any ...any", _exactly(_EXACT.multiply))
add("divf", "any ...any", _exactly(_divided))
