"""From the text of a template to what it renders."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.gotemplate.errors import TemplateError


def render(text: str, *, source: str, environ: Mapping[str, str]) -> str:
    """The output of the template `text`; TemplateError when there is none."""
    if "{{" not in text:
        return text
    raise TemplateError(f"{source}: actions are not understood yet", 1, 1)
