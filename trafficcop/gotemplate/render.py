"""From the text of a template to what it renders."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.gotemplate.errors import TemplateError


def render(text: str, *, source: str, environ: Mapping[str, str]) -> str:
    """The output of the template `text`, whose `.` is false; TemplateError when there is none.

    `source` names the template in errors that have no place in it.
    """
    if "{{" not in text:
        return text
    # Most files are no templates: they need neither the grammar nor the libraries of the functions.
    from trafficcop.gotemplate.execute import Execution
    from trafficcop.gotemplate.functions import functions
    from trafficcop.gotemplate.parse import parse

    known = functions(environ)
    try:
        template = parse(text, frozenset(known) | {"and", "or"})
        output = Execution(text, template, known).run(False)
    except RecursionError:
        raise TemplateError(f"{source}: the template is nested too deeply", 1, 1) from None
    return output.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
