"""The file provider: what is read, in which order, and what happens to what is broken."""

from pathlib import Path

import pytest

from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.providers import FileProvider as FileOptions
from trafficcop.providers.file import FileProvider
from trafficcop.providers.message import Message


def router(name: str, host: str = "example.com") -> str:
    return f"http:\n  routers:\n    {name}:\n      rule: Host(`{host}`)\n      service: {name}\n"


def provider(**options: object) -> FileProvider:
    options.setdefault("watch", False)
    return FileProvider(FileOptions(**options), environ={"NAME": "from-environ"})  # type: ignore[arg-type]


def routers(message: Message) -> dict[str, str]:
    http = message.configuration.http
    return {} if http is None else {name: made.rule for name, made in http.routers.items()}


def said(message: Message) -> str:
    return "\n".join(map(str, message.issues))


def test_one_file(tmp_path: Path) -> None:
    file = tmp_path / "dynamic.yml"
    file.write_text(router("web"))
    message = provider(filename=str(file)).load()
    assert message.provider == "file"
    assert routers(message) == {"web": "Host(`example.com`)"}
    assert message.issues == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", router("web")),
        ("a.YML", router("web")),
        ("a.toml", "[http.routers.web]\nrule = 'Host(`example.com`)'\nservice = 'web'\n"),
        ("bom.yml", "\ufeff" + router("web")),
    ],
)
def test_every_format(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert routers(provider(directory=str(tmp_path)).load()) == {"web": "Host(`example.com`)"}


def test_json_is_read_when_it_is_named_alone(tmp_path: Path) -> None:
    file = tmp_path / "acme.json"
    file.write_text('{"http": {"routers": {"web": {"rule": "Host(`example.com`)", "service": "web"}}}}')
    assert routers(provider(filename=str(file)).load()) == {"web": "Host(`example.com`)"}
    assert provider(directory=str(tmp_path)).load().configuration == DynamicConfiguration()


def test_a_directory_is_read_in_name_order_with_its_sub_directories(tmp_path: Path) -> None:
    for path, host in (("b/inner.yml", "b"), ("a.yml", "a"), ("c.yml", "c")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(router("web", host) + f"    {host}:\n      rule: Path(`/`)\n      service: web\n")
    (tmp_path / "notes.txt").write_text("not ours")
    (tmp_path / ".#a.yml").symlink_to("gone")
    message = provider(directory=str(tmp_path)).load()
    assert list(routers(message)) == ["web", "a", "b", "c"]
    assert routers(message)["web"] == "Host(`a`)"
    first = tmp_path / "a.yml"
    assert said(message).splitlines() == [
        f"{tmp_path / later}: http.routers.web: HTTP router already configured, skipping (first in {first})"
        for later in ("b/inner.yml", "c.yml")
    ]
    assert all(issue.is_warning for issue in message.issues)


def test_certificates_of_several_files(tmp_path: Path) -> None:
    pair = "tls:\n  certificates:\n    - certFile: {0}.crt\n      keyFile: {0}.key\n"
    (tmp_path / "a.yml").write_text(pair.format("one"))
    (tmp_path / "b.yml").write_text(pair.format("one") + "    - {certFile: two.crt, keyFile: two.key}\n")
    message = provider(directory=str(tmp_path)).load()
    assert message.configuration.tls is not None
    assert [str(made.cert_file) for made in message.configuration.tls.certificates] == ["one.crt", "two.crt"]
    assert "TLS certificate already configured, skipping" in said(message)


@pytest.mark.parametrize("text", ["", "  \n", "# only a comment\n", "http:\n"])
def test_an_empty_file_is_an_empty_configuration_at_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "dynamic.yml"
    file.write_text(text)
    message = provider(filename=str(file)).load()
    assert routers(message) == {}
    assert message.issues == ()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.yml", b"http: [", "a.yml:2:1"),
        ("a.yml", b"http:\n  routers: {web: {rule: 1", "a.yml:3:1"),
        ("a.toml", b"[http\n", "a.toml:1"),
        ("a.yml", b"\xff\xfe\x00", "UTF-8"),
        ("a.yml", b"- just\n- a list\n", "a.yml:1:1"),
        ("a.yml", b"http: {{ end }}\n", "a.yml:1"),
        ("a.yml", b"", "emptied"),
        ("a.yml", None, "cannot be read"),
    ],
)
def test_a_broken_file_keeps_its_last_good_content_until_it_is_mended(
    tmp_path: Path, name: str, content: bytes | None, expected: str
) -> None:
    file = tmp_path / name
    good = router("web") if name.endswith("yml") else "[http.routers.web]\nrule = 'Host(`example.com`)'\n"
    file.write_text(good)
    files = provider(filename=str(file))
    before = files.load()
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    for _ in range(2):
        broken = files.load()
        assert broken.configuration == before.configuration
        assert expected in said(broken)
        assert "the last good content of this file stays in use" in said(broken)
    file.write_text(good.replace("example.com", "example.org"))
    mended = files.load()
    assert routers(mended) == {"web": "Host(`example.org`)"}
    assert mended.issues == ()


def test_the_same_content_again_mends_too(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text(router("web"))
    files = provider(filename=str(file))
    before = files.load()
    file.write_text("http: [")
    assert files.load() != before
    file.write_text(router("web"))
    assert files.load() == before


def test_one_bad_file_among_three_stops_only_itself(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.yml").write_text(router(name))
    files = provider(directory=str(tmp_path))
    assert set(routers(files.load())) == {"a", "b", "c"}
    (tmp_path / "b.yml").write_text("http: {")
    (tmp_path / "c.yml").write_text(router("c", "new.example.com"))
    message = files.load()
    assert set(routers(message)) == {"a", "b", "c"}
    assert routers(message)["c"] == "Host(`new.example.com`)"
    assert {issue.position.source for issue in message.issues} == {str(tmp_path / "b.yml")}


def test_a_bad_file_at_start_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("http: {")
    (tmp_path / "b.yml").write_text(router("b"))
    message = provider(directory=str(tmp_path)).load()
    assert set(routers(message)) == {"b"}
    assert "last good" not in said(message)
    assert not message.issues[0].is_warning


def test_a_broken_object_is_left_out_and_named(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text(router("web") + "    bad:\n      rulle: Path(`/`)\n")
    message = provider(filename=str(file)).load()
    assert set(routers(message)) == {"web"}
    (issue,) = message.issues
    assert issue.owner == ("http", "routers", "bad")
    assert (issue.position.source, issue.position.line) == (str(file), 7)


def test_a_removed_file_takes_its_objects_with_it(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.yml").write_text(router(name))
    files = provider(directory=str(tmp_path))
    files.load()
    (tmp_path / "a.yml").unlink()
    message = files.load()
    assert set(routers(message)) == {"b"}
    assert message.issues == ()


def test_a_removed_directory_takes_nothing_down(tmp_path: Path) -> None:
    directory = tmp_path / "conf"
    directory.mkdir()
    (directory / "a.yml").write_text(router("a"))
    files = provider(directory=str(directory))
    before = files.load()
    directory.rename(tmp_path / "moved")
    message = files.load()
    assert message.configuration == before.configuration
    assert f"{directory}: the directory cannot be read" in said(message)


def test_links_to_files_are_read_and_kubernetes_data_directories_are_not_read_twice(tmp_path: Path) -> None:
    data = tmp_path / "..2024_01_01"
    data.mkdir()
    (data / "a.yml").write_text(router("a"))
    (tmp_path / "..data").symlink_to(data.name)
    (tmp_path / "a.yml").symlink_to("..data/a.yml")
    message = provider(directory=str(tmp_path)).load()
    assert routers(message) == {"a": "Host(`example.com`)"}
    assert message.issues == ()


def test_a_link_to_itself_is_an_issue(tmp_path: Path) -> None:
    (tmp_path / "a.yml").symlink_to("a.yml")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "b.yml").write_text(router("b"))
    message = provider(directory=str(tmp_path)).load()
    assert set(routers(message)) == {"b"}
    assert f"{tmp_path / 'a.yml'}: cannot be read" in said(message)


@pytest.mark.parametrize("name", ["a.txt", "a", ""])
def test_an_unknown_extension(tmp_path: Path, name: str) -> None:
    message = provider(filename=name and str(tmp_path / name)).load()
    assert "unsupported file extension" in said(message)


def test_a_file_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a.yml").mkdir()
    assert "cannot be read: Is a directory" in said(provider(filename=str(tmp_path / "a.yml")).load())
