"""The file provider while files change under it."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.providers.test_file import router, routers, said
from trafficcop.config.providers import FileProvider as FileOptions
from trafficcop.providers.file import FileProvider
from trafficcop.providers.message import Message
from trafficcop.providers.watching import Watching


class Watched:
    """A provider that runs, and what it has said."""

    def __init__(self, provider: FileProvider) -> None:
        self.provider = provider
        self.messages: list[Message] = []
        self._more = asyncio.Condition()

    async def collect(self) -> None:
        async for message in self.provider.provide():
            async with self._more:
                self.messages.append(message)
                self._more.notify_all()

    async def until(self, condition: Callable[[Message], bool]) -> Message:
        """The newest message, as soon as it meets `condition`."""
        async with asyncio.timeout(20), self._more:
            await self._more.wait_for(lambda: bool(self.messages) and condition(self.messages[-1]))
        return self.messages[-1]


@asynccontextmanager
async def watched(one_file: Path | None = None, **options: object) -> AsyncIterator[Watched]:
    given = FileOptions(**options) if options else None  # type: ignore[arg-type]
    made = Watched(FileProvider(given, environ={}, one_file=str(one_file or "")))
    task = asyncio.create_task(made.collect())
    await made.until(lambda message: True)
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def has(*names: str) -> Callable[[Message], bool]:
    return lambda message: set(routers(message)) == set(names)


def says(text: str) -> Callable[[Message], bool]:
    return lambda message: text in said(message)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def replace(file: Path, text: str) -> None:
    """As editors save: a new file renamed over the old one."""
    new = file.with_name(file.name + "~")
    new.write_text(text)
    new.rename(file)


async def test_written_in_place_renamed_and_removed_and_created(tmp_path: Path) -> None:
    file = tmp_path / "dynamic.yml"
    file.write_text(router("a"))
    async with watched(filename=str(file)) as files:
        file.write_text(router("b"))
        await files.until(has("b"))
        replace(file, router("c"))
        await files.until(has("c"))
        file.unlink()
        message = await files.until(says("cannot be read"))
        assert has("c")(message)
        file.write_text(router("d"))
        message = await files.until(has("d"))
        assert message.issues == ()


async def test_a_file_and_a_directory_that_come_later(tmp_path: Path) -> None:
    file = tmp_path / "conf" / "sub" / "dynamic.yml"
    async with watched(filename=str(file)) as files:
        assert "cannot be read" in said(files.messages[0])
        file.parent.mkdir(parents=True)
        file.write_text(router("a"))
        await files.until(has("a"))


async def test_a_directory_that_comes_later_with_directories_in_it(tmp_path: Path) -> None:
    directory = tmp_path / "conf"
    async with watched(directory=str(directory)) as files:
        (directory / "deep" / "er").mkdir(parents=True)
        (directory / "deep" / "er" / "a.yml").write_text(router("a"))
        await files.until(has("a"))
        (directory / "deep" / "er" / "b.toml").write_text("[http.routers.b]\nrule = 'Path(`/`)'\n")
        await files.until(has("a", "b"))
        (directory / "deep" / "er" / "a.yml").unlink()
        await files.until(has("b"))


async def test_a_directory_replaced_by_another(tmp_path: Path) -> None:
    directory = tmp_path / "conf"
    for path, name in ((directory, "old"), (tmp_path / "new", "new")):
        path.mkdir()
        (path / "a.yml").write_text(router(name))
    async with watched(directory=str(directory)) as files:
        directory.rename(tmp_path / "away")
        (tmp_path / "new").rename(directory)
        await files.until(has("new"))
        (directory / "a.yml").write_text(router("newer"))
        await files.until(has("newer"))


@pytest.mark.parametrize("is_directory", [True, False])
async def test_the_swap_of_a_kubernetes_volume(tmp_path: Path, is_directory: bool) -> None:
    def put(version: str) -> None:
        data = tmp_path / f"..{version}"
        data.mkdir()
        (data / "a.yml").write_text(router(version))
        (tmp_path / "..data_tmp").symlink_to(data.name)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    put("v1")
    (tmp_path / "a.yml").symlink_to("..data/a.yml")
    options = {"directory": str(tmp_path)} if is_directory else {"filename": str(tmp_path / "a.yml")}
    async with watched(**options) as files:
        for version in ("v2", "v3", "v4"):
            put(version)
            await files.until(has(version))
        (tmp_path / "..v4" / "a.yml").write_text(router("edited"))
        await files.until(has("edited"))


async def test_emptied_then_written_never_drops_a_route(tmp_path: Path) -> None:
    file = tmp_path / "dynamic.yml"
    file.write_text(router("a"))
    async with watched(filename=str(file)) as files:
        file.write_text("")
        await files.until(says("emptied"))
        file.write_text(" \n")
        file.write_text(router("b"))
        await files.until(has("b"))
        assert all(routers(message) for message in files.messages)


async def test_a_half_written_file_is_not_read_while_its_writer_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "dynamic.yml"
    file.write_text(router("a") + router("b").partition("routers:\n")[2])
    async with watched(filename=str(file)) as files:
        with file.open("w") as writing:
            writing.write(router("a"))  # whole by itself, yet not all there will be
            writing.flush()
            await asyncio.sleep(0.3)
            assert len(files.messages) == 1
            writing.write(router("c").partition("routers:\n")[2])
        await files.until(has("a", "c"))
        assert [set(routers(message)) for message in files.messages] == [{"a", "b"}, {"a", "c"}]


async def test_broken_and_mended_beside_files_that_go_on(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.yml").write_text(router(name))
    async with watched(directory=str(tmp_path)) as files:
        (tmp_path / "b.yml").write_text("http:\n  routers: {b: {rule: Ho")
        message = await files.until(says("b.yml:"))
        assert has("a", "b", "c")(message)
        replace(tmp_path / "c.yml", router("c2"))
        message = await files.until(has("a", "b", "c2"))
        assert "b.yml:" in said(message)
        (tmp_path / "b.yml").write_text(router("b2"))
        message = await files.until(has("a", "b2", "c2"))
        assert message.issues == ()


async def test_200_quick_rewrites_end_with_the_last_and_leak_nothing(tmp_path: Path) -> None:
    file = tmp_path / "dynamic.yml"
    file.write_text(router("r0"))
    async with watched(filename=str(file)) as files:
        before = descriptors()
        for number in range(1, 201):
            (replace if number % 2 else Path.write_text)(file, router(f"r{number}"))
            await asyncio.sleep(0.001)
        message = await files.until(has("r200"))
        assert message.issues == ()
        assert all(routers(message) for message in files.messages)
        assert descriptors() == before


async def test_what_changes_nothing_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "dynamic.yml"
    file.write_text(router("a"))
    async with watched(directory=str(tmp_path)) as files:
        file.touch()
        (tmp_path / "notes.txt").write_text("no configuration")
        await asyncio.sleep(0.3)
        replace(file, router("b"))
        await files.until(has("b"))
        assert [set(routers(message)) for message in files.messages] == [{"a"}, {"b"}]


async def test_reload_reads_what_is_not_watched(tmp_path: Path) -> None:
    file = tmp_path / "dynamic.yml"
    file.write_text(router("a"))
    async with watched(filename=str(file), watch=False) as files:
        file.write_text(router("b"))
        await asyncio.sleep(0.2)
        assert has("a")(files.messages[-1])
        files.provider.reload()
        await files.until(has("b"))


async def test_nothing_stays_open_when_it_ends(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(router("a"))
    async with watched(directory=str(tmp_path)):
        pass
    before = descriptors()
    for _ in range(5):
        async with watched(directory=str(tmp_path)):
            assert descriptors() > before
    assert descriptors() == before


STATIC = "entryPoints:\n  web:\n    address: ':80'\nlog:\n  level: INFO\n"


async def test_the_dynamic_sections_of_the_static_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "traefik.yml"
    file.write_text(STATIC + router("a"))
    async with watched(file) as files:
        assert has("a")(files.messages[0])
        assert files.messages[0].provider == "file"
        with caplog.at_level(logging.INFO, "trafficcop.providers.file"):
            file.write_text(STATIC.replace("INFO", "DEBUG").replace(":80", ":81") + router("b"))
            await files.until(has("b"))
            file.write_text(STATIC.replace("INFO", "DEBUG").replace(":80", ":81") + router("c"))
            await files.until(has("c"))
            assert [record.getMessage() for record in caplog.records] == [
                f"{file}: static sections changed, they act after a restart: entryPoints, log"
            ]
            file.write_text(STATIC + router("d"))
            await files.until(has("d"))
            assert "again as they run" in caplog.records[-1].getMessage()
        file.write_text("http: {")
        message = await files.until(lambda message: bool(message.issues))
        assert has("d")(message)


async def test_one_file_beside_a_directory(tmp_path: Path) -> None:
    (tmp_path / "traefik.yml").write_text(STATIC + router("a", "static"))
    directory = tmp_path / "conf"
    directory.mkdir()
    (directory / "b.yml").write_text(router("a", "directory") + router("b").partition("routers:\n")[2])
    async with watched(tmp_path / "traefik.yml", directory=str(directory)) as files:
        message = files.messages[0]
        assert routers(message) == {"a": "Host(`static`)", "b": "Host(`example.com`)"}
        assert "HTTP router already configured, skipping" in said(message)


async def test_a_template_that_breaks_keeps_what_it_rendered(tmp_path: Path) -> None:
    file = tmp_path / "dynamic.yml"
    template = "http:\n  routers:\n{{- range list `a` `b` }}\n    {{ . }}:\n      rule: Path(`/{{ . }}`)\n{{- end }}\n"
    file.write_text(template)
    async with watched(filename=str(file)) as files:
        assert routers(files.messages[0]) == {"a": "Path(`/a`)", "b": "Path(`/b`)"}
        file.write_text(template.replace("end", "emd"))
        message = await files.until(lambda message: bool(message.issues))
        assert f"{file}:6:5: template: function 'emd' not defined" in said(message)
        assert has("a", "b")(message)


async def test_a_log_beside_the_file_wakes_nobody_for_each_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, reads = tmp_path / "dynamic.yml", []
    file.write_text(router("a"))
    reading = Watching._read

    def counted(self: Watching) -> bool:
        reads.append(1)
        return reading(self)

    monkeypatch.setattr(Watching, "_read", counted)
    async with watched(filename=str(file)) as files:
        with (tmp_path / "access.log").open("w") as log:
            for _ in range(200):
                log.write("GET / 200\n")
                log.flush()
                await asyncio.sleep(0.001)
            assert 1 <= len(reads) <= 5
            replace(file, router("b"))
            await files.until(has("b"))
