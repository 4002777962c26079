"""What one file gives, and what stays of it when it breaks."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from trafficcop.config.decode import decode_dynamic
from trafficcop.config.document import Decoded
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.lazy import dataclass
from trafficcop.config.sources import load_text
from trafficcop.errors import ConfigurationError, Issue, Position
from trafficcop.gotemplate import TemplateError, render
from trafficcop.providers.listing import format_of

logger = logging.getLogger("trafficcop.providers.file")

EMPTY = DynamicConfiguration()


@dataclass(frozen=True, slots=True)
class Content:
    """The last good content of one file.

    `digest` is that of the text seen last, good or not: the same text is not read twice. `issues` belong to
    `configuration`; `troubles` say why a newer content is not in use. `is_good` is False until something could be read.
    """

    configuration: DynamicConfiguration = EMPTY
    digest: bytes = b""
    issues: tuple[Issue, ...] = ()
    troubles: tuple[Issue, ...] = ()
    is_good: bool = False

    def broken(self, troubles: tuple[Issue, ...], digest: bytes = b"") -> Content:
        """The same content with what is wrong with the newer one."""
        return replace(self, troubles=troubles, digest=digest)


NOTHING = Content()

# From path and text of a file to the text that counts, and a way to decode that; ConfigurationError where it is broken.
Reader = Callable[[str, str], tuple[str, Callable[[], Decoded[DynamicConfiguration]]]]


def refresh(path: str, before: Content, reader: Reader) -> Content:
    """Read `path` again. A file that is broken, empty or half-written now keeps the content it had before."""
    try:
        with open(path, "rb") as file:  # not `Path`: it interns each part of each path, at every reload
            text = file.read().decode("utf-8-sig")
    except OSError as error:
        return before.broken((Issue(f"cannot be read: {error.strerror}", position=Position(path)),))
    except UnicodeDecodeError as error:
        return before.broken((Issue(f"is not UTF-8 text: {error.reason}", position=Position(path)),))
    if before.is_good and before.configuration != EMPTY and not text.strip():
        emptied = Issue("the file was emptied while in use", position=Position(path), is_warning=True)
        return before.broken((emptied,))
    try:
        rendered, decode = reader(path, text)
        digest = hashlib.blake2b(rendered.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest == before.digest:
            return before
    except ConfigurationError as error:
        return before.broken(error.issues)
    try:
        decoded = decode()
    except ConfigurationError as error:
        return before.broken(error.issues, digest)
    return Content(decoded.value, digest, decoded.issues, is_good=True)


def remarks(path: str, content: Content) -> tuple[Issue, ...]:
    """Everything to say about one file."""
    if not content.troubles or not content.is_good:
        return content.troubles + content.issues
    kept = Issue("the last good content of this file stays in use", position=Position(path), is_warning=True)
    return (*content.troubles, kept, *content.issues)


def template_reader(environ: Mapping[str, str], *, has_debug_log: bool = False) -> Reader:
    """Reads a dynamic file: a Go template that gives YAML, TOML or JSON (Traefik `pkg/provider/file/file.go`)."""

    def read(path: str, text: str) -> tuple[str, Callable[[], Decoded[DynamicConfiguration]]]:
        rendered = _render(path, text, environ)
        if has_debug_log:
            logger.debug("Template content of %s: %s", path, text)
            logger.debug("Rendering results of %s: %s", path, rendered)
        return rendered, lambda: _decode(path, text, rendered)

    return read


def _render(path: str, text: str, environ: Mapping[str, str]) -> str:
    try:
        return render(text, source=path, environ=environ)
    except TemplateError as error:
        position = Position(path, error.line, error.column)
        raise ConfigurationError([Issue(f"template: {error.message}", position=position)]) from error


def _decode(path: str, text: str, rendered: str) -> Decoded[DynamicConfiguration]:
    try:
        decoded = decode_dynamic(load_text(rendered, format_of(path), path))
    except ConfigurationError as error:
        raise ConfigurationError(_mapped_back(error.issues, text, rendered)) from error
    return Decoded(decoded.value, _mapped_back(decoded.issues, text, rendered))


def _mapped_back(issues: tuple[Issue, ...], text: str, rendered: str) -> tuple[Issue, ...]:
    """Issues found in the rendered text, placed in the file where that is possible and marked where it is not."""
    if rendered == text or not issues:
        return issues
    written, made = text.split("\n"), rendered.split("\n")
    return tuple(_placed(issue, written, made) for issue in issues)


def _placed(issue: Issue, written: list[str], made: list[str]) -> Issue:
    place = issue.position
    if not 0 < place.line <= len(made):
        return issue
    if len(written) != len(made):
        return replace(issue, message=f"{issue.message} (in the rendered template)")
    column = place.column if written[place.line - 1] == made[place.line - 1] else 0
    return issue.at(replace(place, column=column))
