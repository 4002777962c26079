"""What the API shows of objects: the error that stops Traefik, where a router would be, names that were made."""

import pytest

from tests.control.given import compiled, static, told

HEAD = "http: {services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}, routers: {r: {%s}}}\n"

HST = "error while parsing rule Hst(`a`):"
SLASH = "error while parsing rule Path(`a`): adding rule Path(`a`): Path: path 'a' does not start with a '/'"
FIRST = [
    ("rule: Host(`a`), service: nope, middlewares: [nope]", ['the service "nope@file" does not exist'], 2),
    ("rule: Host(`a`), service: s, middlewares: [m1, m2]", ['middleware "m2@file" does not exist'], 2),
    ("rule: Hst(`a`), service: s, middlewares: [m1]", ['middleware "m1@file" does not exist'], 2),
    ("rule: Hst(`a`), service: s", [f"{HST} parsing rule Hst(`a`): unsupported function: Hst"], 1),
    ("rule: Path(`a`), service: s", [SLASH], 1),
    (
        "rule: Host(`a`), service: nope, tls: {options: no}",
        ["building router handler: unknown TLS options: no@file"],
        2,
    ),
    (
        "rule: Hst(`a`), service: nope, tls: {}",
        [
            'the service "nope@file" does not exist',
            f"invalid rule Hst(`a`), error: {HST} unsupported function: Hst",
        ],
        2,
    ),
    (
        "rule: Path(`a`), service: s, tls: {}",  # domains can be read from it
        [SLASH],
        1,
    ),
]


@pytest.mark.parametrize(("router", "errors", "count"), FIRST)
def test_the_first_error_is_shown_and_all_are_told(router: str, errors: list[str], count: int):
    _, report = compiled(HEAD % router)
    info = report.routers["r@file"]
    assert (info.errors, info.status) == (tuple(errors), "disabled")
    assert len(told(report)) == count


TCP = [
    ("rule: HostSNI(`a`), service: no", 'invalid rule: "HostSNI(`a`)" , has HostSNI matcher, but no TLS on router'),
    ("rule: HstSNI(`a`), service: no, tls: {}", 'invalid rule: "HstSNI(`a`)" , unsupported function: HstSNI'),
    ("rule: HostSNI(`*`), service: no, middlewares: [no]", 'the service "no@file" does not exist'),
    ("rule: HostSNI(`*`), service: s, middlewares: [m1, m2]", 'middleware "m2@file" does not exist'),
    ("rule: HostSNI(`*`), service: s, middlewares: [m1], tls: {options: no}", 'middleware "m1@file" does not exist'),
    ("rule: Hst(`*`)", "the service is missing on the router"),
]


@pytest.mark.parametrize(("router", "error"), TCP)
def test_the_first_error_of_a_tcp_router_is_shown(router: str, error: str):
    services = "services: {s: {loadBalancer: {servers: [{address: 'h:1'}]}}}"
    _, report = compiled(f"tcp: {{{services}, routers: {{r: {{{router}}}}}}}")
    info = report.tcp_routers["r@file"]
    assert (info.errors, info.status) == ((error,), "disabled")


def test_where_a_router_without_service_would_be():
    _, report = compiled("http: {routers: {r: {rule: Host(`a`)}, e: {rule: Host(`a`), service: s, entryPoints: [no]}}}")
    info = report.routers["r@file"]
    assert (info.using, info.priority) == (("web",), 9)
    assert info.errors[0] == "router has no service and no child routers"
    info = report.routers["e@file"]
    assert (info.using, info.priority) == ((), 0)


STICKY = """\
http:
  routers:
    a: {rule: Host(`a`), service: ck}
    b: {rule: Host(`b`), service: weighted}
    c: {rule: Host(`c`), service: broken}
  services:
    ck: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}], sticky: {cookie: {}}}}
    weighted: {weighted: {services: [{name: ck}], sticky: {cookie: {}}}}
    given: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}], sticky: {cookie: {name: n}}}}
    unused: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}], sticky: {cookie: {}}}}
    broken: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}], sticky: {cookie: {}}, strategy: odd}}
"""


def test_cookies_that_were_given_no_name():
    _, report = compiled(STICKY)
    shown = {
        name.partition("@")[0]: (service.load_balancer or service.weighted).sticky.cookie.name
        for name, info in report.services.items()
        if (service := info.service) and (service.load_balancer or service.weighted)
    }
    assert shown == {"ck": "_2b33f", "weighted": "_e43d5", "given": "n", "unused": "", "broken": "_42ef4"}


def test_names_in_middlewares():
    _, report = compiled(
        "http: {routers: {r: {rule: Host(`a`), service: s, middlewares: [c]}}, middlewares:"
        " {c: {chain: {middlewares: [e]}}, e: {errors: {status: ['500'], service: s, query: /}}},"
        " services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}}"
    )
    assert report.middlewares["c@file"].middleware.chain.middlewares == ("e@file",)
    assert report.middlewares["e@file"].middleware.errors.service == "s"


def test_of_two_sets_of_tls_options_only_who_loses_his_is_warned():
    given = static("entryPoints: {web: {address: ':80'}}")
    _, report = compiled(
        "http: {routers: {a: {rule: Host(`a`), service: s, tls: {options: o}}, b: {rule: Host(`a`), service: s,"
        " tls: {}}}, services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}}\n"
        "tls: {options: {o: {sniStrict: true}}}",
        given,
    )
    assert report.routers["web-conflicted-a@file"].status == "warning"
    assert report.routers["web-conflicted-b@file"].status == "enabled"


def test_the_default_syntax_is_shown_with_tcp_routers():
    given = static("{entryPoints: {web: {address: ':80'}}, core: {defaultRuleSyntax: v2}}")
    _, report = compiled("tcp: {routers: {r: {rule: 'HostSNI(`*`)', service: s}}}", given)
    assert report.tcp_routers["r@file"].router.rule_syntax == "v2"
