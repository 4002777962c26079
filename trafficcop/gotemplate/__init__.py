"""Go's text/template with sprig's functions, as Traefik applies it to dynamic files."""

from trafficcop.gotemplate.errors import TemplateError
from trafficcop.gotemplate.render import render

__all__ = ["TemplateError", "render"]
