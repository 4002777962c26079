"""`.Name` of a value: the key of a map, the field of a struct or a method."""

from __future__ import annotations

from trafficcop.gotemplate.values import Certificate, FunctionError, Map, Named, Time, type_name


def field_of(value: object, name: str, arguments: list[object]) -> object:
    """What `value.name arguments…` gives; FunctionError if `value` has no such field or method."""
    if value is None:
        return None  # what a missing key gives has no keys either
    if isinstance(value, Map):
        if arguments:
            raise FunctionError(f"{name} is not a method but has arguments", is_call=False)
        return value.get(name)
    if isinstance(value, Certificate) and name in ("Cert", "Key"):
        return getattr(value, name)
    if isinstance(value, Named) and name == "String":
        return value.text
    methods = getattr(value, "methods", None)
    if methods is not None and name in methods:
        return methods[name](value, *arguments)
    if isinstance(value, Time):
        from trafficcop.gotemplate.functions.times import METHODS

        if name in METHODS:
            return METHODS[name](value, *arguments)
    raise FunctionError(f"can't evaluate field {name} in type {type_name(value)}", is_call=False)
