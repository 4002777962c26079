"""Where the keys of a TOML text stand: a loose reader of its tokens, for text that the real parser has accepted."""

from __future__ import annotations

import re
from bisect import bisect_right

from trafficcop.config.syntax.marks import Mark

_TOKEN = re.compile(
    r"""[ \t\r]+ | \#[^\n]*
    | (?P<text> \"\"\"(?:\\.|[^\\])*?\"{3,5} | '''.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
    | (?P<mark> [\[\]{}=,.\n])
    | (?P<bare> [^\s\[\]{}=,.\#"']+)""",
    re.DOTALL | re.VERBOSE,
)


def mark_toml(text: str) -> Mark:
    """The marks of every key: table headers, `key =` lines, dotted keys and inline tables."""
    return _Marker(text).run()


class _Marker:
    """The tokens of a text and how far they are read."""

    def __init__(self, text: str) -> None:
        self.lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self.tokens = [
            (found[0], found.start(), found.lastgroup == "mark") for found in _TOKEN.finditer(text) if found.lastgroup
        ]
        self.next = 0

    def run(self) -> Mark:
        root = Mark(1, 1)
        table = root
        while self.next < len(self.tokens):
            if self._takes("\n"):
                continue
            if self._takes("["):
                table = self._header(root)
            else:
                self._assignment(table)
            while self.next < len(self.tokens) and not self._takes("\n"):
                self.next += 1
        return root

    def _takes(self, mark: str) -> bool:
        if self.next < len(self.tokens) and self.tokens[self.next][0] == mark and self.tokens[self.next][2]:
            self.next += 1
            return True
        return False

    def _mark(self, offset: int) -> Mark:
        line = bisect_right(self.lines, offset)
        return Mark(line, offset - self.lines[line - 1] + 1)

    def _header(self, root: Mark) -> Mark:
        start = self.tokens[self.next - 1][1]
        is_array = self._takes("[")
        table = self._walk(root)
        if is_array:
            table.items.append(self._mark(start))
            table = table.items[-1]
        return table

    def _walk(self, table: Mark) -> Mark:
        """Follow a dotted key, making what is not there yet; in an array of tables it goes on in the last one."""
        while self.next < len(self.tokens):
            text, offset, _ = self.tokens[self.next]
            self.next += 1
            name = text[1:-1] if text[0] in "\"'" else text
            table.add(name, self._mark(offset))
            table = table.keys[name]
            if not self._takes("."):
                break
            table = table.items[-1] if table.items else table
        return table

    def _assignment(self, table: Mark) -> None:
        mark = self._walk(table)
        if self._takes("="):
            self._value(mark)

    def _value(self, mark: Mark) -> None:
        if self._takes("["):
            while not self._ends("]"):
                mark.items.append(self._mark(self.tokens[self.next][1]))
                self._value(mark.items[-1])
        elif self._takes("{"):
            while not self._ends("}"):
                self._assignment(mark)
        else:
            while self.next < len(self.tokens) and not (
                self.tokens[self.next][2] and self.tokens[self.next][0] in ",]}\n"
            ):
                self.next += 1

    def _ends(self, closing: str) -> bool:
        while self._takes(",") or self._takes("\n"):
            pass
        return self._takes(closing) or self.next >= len(self.tokens)
