"""Where an Issue in a rendered template is said to stand."""

from pathlib import Path

import pytest

from trafficcop.config.providers import FileProvider as FileOptions
from trafficcop.providers.file import FileProvider


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # As many lines as written: the line is kept, the column where the line is as it was written.
        ("http:\n  routers:\n    {{ `web` }}:\n      rulle: x\n", ":4:7: "),
        ("http:\n  routers:\n    web:\n      {{ `rulle` }}: x\n", ":4: "),
        # More lines than written: the place is one of the rendered text.
        ("{{ repeat 3 `\n` }}http:\n  routers:\n    web:\n      rulle: x\n", "(in the rendered template)"),
    ],
)
def test_positions_in_templates(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "a.yml"
    file.write_text(text)
    message = FileProvider(FileOptions(filename=str(file), watch=False), environ={}).load()
    assert expected in str(message.issues[0])
