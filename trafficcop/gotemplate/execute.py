"""Running the tree of a template (Go `text/template/exec.go`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trafficcop.gotemplate.errors import TemplateError
from trafficcop.gotemplate.fields import field_of
from trafficcop.gotemplate.formatting import sprint
from trafficcop.gotemplate.functions.registry import Function
from trafficcop.gotemplate.scan import line_and_column
from trafficcop.gotemplate.syntax import (
    Body,
    Branch,
    Chain,
    Command,
    Constant,
    Dot,
    Identifier,
    Invocation,
    Leap,
    Operand,
    Output,
    Pipeline,
    Range,
    Template,
    Text,
    Variable,
)
from trafficcop.gotemplate.values import LARGEST_LIST, LARGEST_TEXT, FunctionError, Map, Slice, is_empty

_STEPS = 2_000_000
_DEEPEST = 50

_NOTHING = object()  # no final argument


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Execution:
    """One run of a template. Steps, depth and output are counted: a template of any content comes to an end."""

    def __init__(self, text: str, template: Template, functions: Mapping[str, Function]) -> None:
        self._text = text
        self._template = template
        self._functions = functions
        self._output: list[str] = []
        self._size = 0
        self._steps = 0
        self._depth = 0
        self._variables: list[tuple[str, object]] = []

    def run(self, data: object) -> str:
        self._variables = [("$", data)]
        self._body(self._template.body, data)
        return "".join(self._output)

    def _error(self, message: str, at: int) -> TemplateError:
        return TemplateError(message, *line_and_column(self._text, at))

    def _step(self, cost: int, at: int) -> None:
        self._steps += cost
        if self._steps > _STEPS:
            raise self._error("the template takes too many steps", at)

    def _write(self, text: str, at: int) -> None:
        self._size += len(text)
        if self._size > LARGEST_TEXT:
            raise self._error("the output grows too large", at)
        self._output.append(text)

    def _body(self, body: Body, dot: object) -> None:
        for node in body:
            match node:
                case Text():
                    self._write(node.text, 0)
                case Output():
                    value = self._pipeline(node.pipeline, dot)
                    if not node.pipeline.names:
                        self._print(value, node.pipeline.at)
                case Branch():
                    self._branch(node, dot)
                case Range():
                    self._range(node, dot)
                case Invocation():
                    self._invoke(node, dot)
                case Leap():
                    raise _Break if node.is_break else _Continue

    def _print(self, value: object, at: int) -> None:
        try:
            self._write("<no value>" if value is None else sprint(value), at)
        except FunctionError as error:
            raise self._error(str(error), at) from error

    def _branch(self, node: Branch, dot: object) -> None:
        before = len(self._variables)
        value = self._pipeline(node.pipeline, dot)
        if not is_empty(value):
            self._body(node.body, value if node.sets_dot else dot)
        else:
            self._body(node.otherwise, dot)
        del self._variables[before:]

    def _range(self, node: Range, dot: object) -> None:
        before = len(self._variables)
        value = self._pipeline(node.pipeline, dot)
        is_entered = False
        for key, item in self._items(value, node.pipeline.at):
            is_entered = True
            self._step(1, node.pipeline.at)
            del self._variables[before:]
            self._name(node.pipeline, key, item)
            try:
                self._body(node.body, item)
            except _Break:
                break
            except _Continue:
                continue
        del self._variables[before:]
        if not is_entered:
            self._body(node.otherwise, dot)

    def _items(self, value: object, at: int) -> Iterator[tuple[object, object]]:
        match value:
            case None:
                return iter(())
            case Slice():
                return iter(list(enumerate(value)))
            case Map():
                return iter([(key, value[key]) for key in sorted(value)])
            case int() if type(value) is not bool:
                if value > LARGEST_LIST:
                    raise self._error("range over too many values", at)
                return ((number, number) for number in range(value))
        raise self._error(f"range can't iterate over {sprint(value)}", at)

    def _name(self, pipeline: Pipeline, key: object, item: object) -> None:
        names = pipeline.names
        values = (item,) if len(names) == 1 else (key, item)
        for name, value in zip(names, values, strict=False):
            if pipeline.is_declaration:
                self._variables.append((name, value))
            else:
                self._assign(name, value)

    def _assign(self, name: str, value: object) -> None:
        for index in range(len(self._variables) - 1, -1, -1):
            if self._variables[index][0] == name:
                self._variables[index] = (name, value)
                return

    def _invoke(self, node: Invocation, dot: object) -> None:
        body = self._template.defined.get(node.name)
        if body is None:
            raise self._error(f'template "{node.name}" not defined', node.at)
        value = None if node.pipeline is None else self._pipeline(node.pipeline, dot)
        self._depth += 1
        self._step(10, node.at)
        if self._depth > _DEEPEST:
            raise self._error(f"exceeded maximum template depth ({_DEEPEST})", node.at)
        outer, self._variables = self._variables, [("$", value)]
        self._body(body, value)
        self._variables = outer
        self._depth -= 1

    def _pipeline(self, pipeline: Pipeline, dot: object) -> object:
        value: object = _NOTHING
        for command in pipeline.commands:
            value = self._command(command, dot, value)
        if len(pipeline.names) == 1:
            if pipeline.is_declaration:
                self._variables.append((pipeline.names[0], value))
            else:
                self._assign(pipeline.names[0], value)
        return value

    def _command(self, command: Command, dot: object, final: object) -> object:
        self._step(1, command.at)
        first = command.operands[0]
        if isinstance(first, Identifier):
            return self._call(first, command, dot, final)
        if isinstance(first, Chain):
            return self._chain(first, dot, command.operands[1:], final)
        if len(command.operands) > 1 or final is not _NOTHING:
            raise self._error("can't give argument to non-function", command.at)
        return self._operand(first, dot)

    def _operand(self, operand: Operand, dot: object) -> object:
        match operand:
            case Constant():
                return operand.value
            case Dot():
                return dot
            case Variable():
                return self._variable(operand)
            case Chain():
                return self._chain(operand, dot, (), _NOTHING)
            case Pipeline():
                return self._pipeline(operand, dot)
        return self._call(operand, Command((operand,), operand.at), dot, _NOTHING)

    def _variable(self, variable: Variable) -> object:
        for name, value in reversed(self._variables):
            if name == variable.name:
                return value
        raise self._error(f"undefined variable {variable.name!r}", variable.at)

    def _chain(self, chain: Chain, dot: object, given: tuple[Operand, ...], final: object) -> object:
        value = self._operand(chain.start, dot)
        arguments = [self._operand(operand, dot) for operand in given]
        if final is not _NOTHING:
            arguments.append(final)
        last = len(chain.fields) - 1
        for index, name in enumerate(chain.fields):
            value = self._guarded(f"field {name}", chain.at, field_of, value, name, arguments if index == last else [])
        return value

    def _call(self, function: Identifier, command: Command, dot: object, final: object) -> object:
        operands = command.operands[1:]
        if function.name in ("and", "or"):
            return self._and_or(function, operands, dot, final)
        arguments = [self._operand(operand, dot) for operand in operands]
        if final is not _NOTHING:
            arguments.append(final)
        known = self._functions[function.name]
        self._step(known.cost, function.at)
        return self._guarded(function.name, function.at, known, arguments)

    def _and_or(self, function: Identifier, operands: tuple[Operand, ...], dot: object, final: object) -> object:
        if not operands and final is _NOTHING:
            raise self._error(f"wrong number of args for {function.name}: want at least 1 got 0", function.at)
        value: object = None
        for operand in operands:
            value = self._operand(operand, dot)
            if is_empty(value) == (function.name == "and"):
                return value
        return value if final is _NOTHING else final

    def _guarded(self, name: str, at: int, call: Any, *arguments: Any) -> object:
        """Whatever goes wrong in a function is an error of the template, at the place of the call."""
        try:
            return call(*arguments)
        except FunctionError as error:
            message = f"error calling {name}: {error}" if error.is_call else str(error)
            raise self._error(message, at) from error
        except RecursionError:
            raise
        except Exception as error:
            raise self._error(f"error calling {name}: {error}", at) from error
