"""Where the static configuration comes from, and what comes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from trafficcop.config.decode import decode_dynamic
from trafficcop.config.static_sources import find_file, load_static


@pytest.fixture(autouse=True)
def _only_these_places(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    places = ("/nowhere/traefik", "$XDG_CONFIG_HOME/traefik", "$HOME/.config/traefik", "./traefik")
    monkeypatch.setattr("trafficcop.config.static_sources.PLACES", places)


def _file(path: Path, text: str = "log: {level: INFO}\n") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_nothing_given_is_the_default():
    loaded = load_static((), {})
    assert (loaded.config_file, loaded.issues, loaded.dynamic_document) == (None, (), None)
    assert {name: item.address for name, item in loaded.static.entry_points.items()} == {"http": ":80"}


def test_the_first_file_that_exists(tmp_path):
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path / "home")}
    assert find_file(environ) == ""
    _file(tmp_path / "traefik.yml")
    assert find_file(environ) == "./traefik.yml"
    _file(tmp_path / "traefik.toml", "")
    assert find_file(environ) == "./traefik.toml"
    in_home = _file(tmp_path / "home/.config/traefik.yaml")
    assert find_file(environ) == in_home
    in_xdg = _file(tmp_path / "xdg/traefik.yml")
    assert find_file(environ) == in_xdg
    assert find_file({}) == "./traefik.toml"


def test_a_file_wins_over_flags_and_variables(tmp_path):
    path = _file(tmp_path / "my.yml")
    loaded = load_static(
        ("--configFile=$DIR/my.yml", "--log.level=DEBUG"), {"DIR": str(tmp_path), "TRAEFIK_API": "true"}
    )
    assert loaded.config_file == path
    assert loaded.static.log.level == "INFO"
    assert loaded.static.api is None
    assert [str(issue) for issue in loaded.issues] == [
        f"--log.level: flags are ignored, the configuration is in {path}"
    ]
    assert loaded.errors == ()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("no.yml", None, "no.yml: cannot be read: No such file or directory"),
        ("a.ini", "x", "a.ini: unsupported file extension (use .yaml, .yml, .json, .toml)"),
        ("a.yml", "# nothing\n", "a.yml: the file holds no configuration"),
        ("a.yml", "a: [\n", "a.yml:2:1: "),
        ("a.toml", "a = \n", "a.toml:1:5: "),
    ],
)
def test_a_named_file_that_cannot_be_used(tmp_path, name: str, text: str | None, said: str):
    if text is not None:
        _file(tmp_path / name, text)
    loaded = load_static(("-c", name), {})
    (issue,) = loaded.errors
    assert str(issue).startswith(said)


def test_a_file_without_a_known_option():
    _file(Path("a.yml"), "entrypoint: {}\nx-anchors: {}\n")
    assert [str(issue) for issue in load_static(("-c", "a.yml"), {}).issues] == [
        'a.yml:1:1: entrypoint: unknown option, ignored (did you mean "entryPoints"?)',
        'a.yml: the file holds no known option (did you mean "entryPoints"?)',
    ]


def test_every_error_is_told_with_its_place():
    _file(
        Path("a.yml"),
        """\
entryPoints:
  web:
    adress: ":80"
  other: {address: ":90/sctp", transport: {lifeCycle: {graceTimeOut: soon}}}
log: {}
api: maybe
pilot: {token: x}
providers: {docker: {swarmMode: true}, file: {}}
core: {}
foo: bar
""",
    )
    said = [str(issue) for issue in load_static(("-c", "a.yml"), {}).issues]
    soon = "invalid duration 'soon': expected a number with a unit such as 300ms, 10s or 1h30m"
    sctp = "invalid protocol 'sctp' in the address ':90/sctp': use /tcp or /udp"
    assert sorted(said) == sorted(
        [
            "a.yml:10:1: foo: unknown option, ignored",
            "a.yml:7:1: pilot: removed together with the service; remove the section",
            "a.yml:3:5: entryPoints.web.adress: unknown option 'adress' (did you mean \"address\"?)",
            f"a.yml:4:56: entryPoints.other.transport.lifeCycle.graceTimeOut: {soon}",
            "a.yml:6:1: api: expected a section with options, or true or false, not 'maybe'",
            "a.yml:8:22: providers.docker.swarmMode: removed: use `providers.swarm`",
            "a.yml:8:40: providers.file: an empty section has no meaning here: give it options or remove it",
            "a.yml:9:1: core: an empty section has no meaning here: give it options or remove it",
            "a.yml:2:3: entryPoints.web.address: an entry point needs an address such as :80",
            f"a.yml:4:11: entryPoints.other.address: {sctp}",
        ]
    )


def test_one_file_form():
    _file(
        Path("a.yml"),
        "entryPoints: {web: {address: ':80'}}\nHTTP: {routers: {r: {rule: x, servce: s}}}\ntls: {}\nworkers: 2\n",
    )
    loaded = load_static(("-c", "a.yml"), {})
    assert loaded.issues == ()
    assert loaded.static.workers == 2
    assert set(loaded.dynamic_document.data) == {"HTTP", "tls"}
    (issue,) = decode_dynamic(loaded.dynamic_document).issues
    assert str(issue) == "a.yml:2:31: http.routers.r.servce: unknown option 'servce' (did you mean \"service\"?)"


def test_only_dynamic_sections_are_enough():
    _file(Path("a.yml"), "http: {routers: {}}\n")
    loaded = load_static(("-c", "a.yml"), {})
    assert loaded.issues == ()
    assert loaded.dynamic_document.data == {"http": {"routers": {}}}


SAMES = [
    (
        "entryPoints: {web: {address: ':80', http: {middlewares: [a@file, b@file], tls: true}}}",
        [
            "--entryPoints.web.address=:80",
            "--entryPoints.web.http.middlewares=a@file,b@file",
            "--entryPoints.web.http.tls",
        ],
    ),
    (
        "api: {}\nping: {entryPoint: web, manualRouting: true}\nlog: {level: debug, noColor: true}",
        ["--api", "--ping.entryPoint=web", "--ping.manualRouting", "--log.level=debug", "--log.noColor=1"],
    ),
    (
        """
accesslog:
  filters: {statusCodes: '200,300-302', minDuration: 10}
  fields: {headers: {names: {cookie: drop}}}
""",
        [
            "--accessLog.filters.statusCodes=200",
            "--accessLog.filters.statusCodes=300-302",
            "--accessLog.filters.minDuration=10s",
            "--accessLog.fields.headers.names.cookie=drop",
        ],
    ),
    (
        "providers: {file: {directory: /etc/x, watch: false}, providersThrottleDuration: 500ms}\nworkers: 3",
        [
            "--providers.file.directory=/etc/x",
            "--providers.file.watch=false",
            "--providers.providersThrottleDuration=500ms",
            "--workers=3",
        ],
    ),
    (
        "certificatesResolvers: {le: {acme: {email: a@example.com, tlsChallenge: {}}}}",
        ["--certificatesResolvers.le.acme.email=a@example.com", "--certificatesResolvers.le.acme.tlsChallenge"],
    ),
]


@pytest.mark.parametrize(("text", "flags"), SAMES)
def test_file_flags_and_variables_give_the_same(text: str, flags: list[str]):
    _file(Path("same.yml"), text)
    from_file = load_static(("-c", "same.yml"), {})
    from_flags = load_static(flags, {})
    joined: dict[str, str] = {}
    for flag in flags:
        name, _, value = flag.removeprefix("--").partition("=")
        variable = "TRAEFIK_" + name.upper().replace(".", "_")
        joined[variable] = f"{joined[variable]},{value}" if variable in joined else value or "true"
    from_environment = load_static((), joined)
    assert from_file.issues == from_flags.issues == from_environment.issues == ()
    assert from_file.static == from_flags.static == from_environment.static


@pytest.mark.parametrize("index", ["_0", "[0]"])
def test_variables_number_the_items_of_lists(index: str):
    loaded = load_static(
        (),
        {
            "TRAEFIK_ENTRYPOINTS_WEB_ADDRESS": ":80",
            f"TRAEFIK_ENTRYPOINTS_WEB_HTTP_TLS_DOMAINS{index}_MAIN": "example.com",
            f"TRAEFIK_ENTRYPOINTS_WEB_HTTP_TLS_DOMAINS{index}_SANS": "a.example.com, b.example.com",
        },
    )
    assert loaded.issues == ()
    (domain,) = loaded.static.entry_points["web"].http.tls.domains
    assert (domain.main, domain.sans) == ("example.com", ("a.example.com", "b.example.com"))


def test_a_variable_of_a_section_that_is_gone_forbids_a_start():
    (issue,) = load_static((), {"TRAEFIK_PILOT_TOKEN": "x", "TRAEFIK_PORT": "tcp://10.0.0.1:80"}).errors
    assert str(issue) == "TRAEFIK_PILOT_TOKEN: pilot: removed together with the service; remove the section"
