"""Questions that make no request, and the entry point that is meant."""

from __future__ import annotations

import pytest

from tests.control.explain.asking import ask, routers
from trafficcop.control.explain.question import Question
from trafficcop.errors import BadQuestion

ANY = routers("PathPrefix(`/`)")


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ({"url": "example.com/"}, "URL: 'example.com/' is not of the form http://host/path or https://host/path"),
        ({"url": "ftp://example.com/"}, "URL: 'ftp://example.com/' is not of the form"),
        ({"url": "http:///path"}, "URL: 'http:///path' is not of the form"),
        ({"url": "http://example.com:0/"}, "URL: 'http://example.com:0/' is not of the form"),
        ({"url": "http://example.com:99999/"}, "URL: port out of range 0-65535"),
        ({"url": "http://[::1/"}, "URL: invalid IPv6 URL"),
        ({"url": "http://example.com/a b"}, "URL: spaces and characters beyond ASCII have to be percent-encoded"),
        ({"url": "http://example.com/é"}, "URL: spaces and characters beyond ASCII have to be percent-encoded"),
        ({"url": "http://example.com/\r\nX: y"}, "URL: spaces and characters"),
        ({"url": "http://example.com/" + "a" * 70000}, "URL: longer than 65536 characters"),
        ({"method": "GE T"}, "method: 'GE T' is no name of a method"),
        ({"method": ""}, "method: '' is no name of a method"),
        ({"headers": [("a b", "c")]}, "header: 'a b' is no name of a field"),
        ({"headers": [("", "c")]}, "header: '' is no name of a field"),
        ({"headers": [("a", "b\r\nc: d")]}, "header: the value of a holds a line break"),
        ({"headers": [("a", "\ud800")]}, "header: half of a surrogate pair is no character"),
        ({"client_ip": "localhost"}, "client IP: 'localhost' is no address"),
        ({"client_ip": ""}, "client IP: '' is no address"),
        ({"entry_point": "wep"}, "entry point: there is no 'wep', only other, web, websecure"),
        ({"url": "http://example.com:81/"}, "entry point: none listens on port 81: name one of other, web, websecure"),
    ],
)
def test_bad_questions(question, text):
    with pytest.raises(BadQuestion) as caught:
        ask(ANY, **question)
    assert str(caught.value).startswith(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com/", "web"),
        ("https://example.com/", "websecure"),
        ("http://example.com:443/", "websecure"),
        ("https://example.com:8000/", "other"),
        ("HTTP://example.com/", "web"),
        ("http://[::1]/", "web"),
        ("http://user:secret@example.com/", "web"),
    ],
)
def test_the_port_tells_the_entry_point(url, expected):
    assert ask(ANY, url)["entryPoint"] == expected


@pytest.mark.parametrize(
    ("entry_points", "url", "expected"),
    [
        ("{in: {address: ':8080'}}", "https://example.com/", "in"),
        ("{in: {address: ':8080'}, traefik: {address: ':9000'}}", "http://example.com/", "in"),
        ("{in: {address: ':8080'}, tls: {address: ':8443', http: {tls: {}}}}", "https://example.com/", "tls"),
        ("{in: {address: ':8080'}, tls: {address: ':8443', http: {tls: {}}}}", "http://example.com/", "in"),
        ("{in: {address: ':80/udp'}, tcp: {address: ':8080'}}", "http://example.com/", "tcp"),
    ],
)
def test_without_a_port_the_scheme_tells_it(entry_points, url, expected):
    assert ask("http: {}", url, given=f"entryPoints: {entry_points}")["entryPoint"] == expected


MANY = """
http:
  routers:
    a: {rule: Host(`a.example.com`), service: noop@internal, entryPoints: [one]}
    b: {rule: Host(`b.example.com`), service: noop@internal, entryPoints: [two]}
    any: {rule: PathPrefix(`/`), service: noop@internal, entryPoints: [two]}
    c: {rule: Host(`c.example.com`), service: noop@internal, entryPoints: [three], tls: {}}
tcp:
  routers: {t: {rule: HostSNI(`t.example.com`), service: t, entryPoints: [four], tls: {}}}
  services: {t: {loadBalancer: {servers: [{address: '192.0.2.1:1'}]}}}
"""


@pytest.mark.parametrize(
    ("url", "headers", "expected"),
    [
        ("http://a.example.com/", [], "one"),
        ("http://b.example.com/", [], "two"),
        ("http://x.example.com/", [], "two"),
        ("http://x.example.com/", [("Host", "A.example.com:1")], "one"),
        ("https://c.example.com/", [], "three"),
        ("https://x.example.com/", [], "three, four"),
        ("http://t.example.com/", [], "two"),
    ],
)
def test_without_a_port_the_likeliest_is_meant(url, headers, expected):
    given = """
entryPoints:
  one: {address: ':8001'}
  two: {address: ':8002', asDefault: true}
  three: {address: ':8003'}
  four: {address: ':8004'}
"""
    if ", " in expected:
        with pytest.raises(BadQuestion, match="it may be any of four, three: name one"):
            ask(MANY, url, given=given, headers=headers)
    else:
        assert ask(MANY, url, given=given, headers=headers)["entryPoint"] == expected


def test_two_that_fit_are_told_of():
    with pytest.raises(BadQuestion, match="it may be any of a, b: name one"):
        ask("http: {}", given="entryPoints: {a: {address: ':8080'}, b: {address: ':8081'}}")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://A.example.com:8443/x", "a.example.com"),
        ("https://a.example.com./", "a.example.com"),
        ("https://192.0.2.1/", ""),
        ("https://[2001:db8::1]/", ""),
    ],
)
def test_the_server_name_is_of_the_url(url, name):
    assert Question(url, headers=(("Host", "b.example.com"),)).server_name == name


@pytest.mark.parametrize(
    ("given", "address"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("2001:DB8::0:1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1")],
)
def test_the_address_of_the_client_is_as_a_socket_tells_it(given, address):
    assert Question("http://example.com/", client_ip=given).peer_ip == address


def test_the_host_field_wins_and_the_fragment_is_not_sent():
    answer = ask(ANY, "http://user@example.com:80/a/../b?q#f", headers=[("host", " Other.example.com:1 ")])
    assert answer["request"] == {
        "method": "GET",
        "url": "http://user@example.com:80/a/../b?q#f",
        "clientIP": "127.0.0.1",
        "host": "other.example.com",
        "path": "/b",
        "query": "q",
    }


@pytest.mark.parametrize(
    ("url", "options", "status", "why"),
    [
        ("http://example.com/%zz", {}, 400, "the path is malformed"),
        ("http://example.com/", {"headers": [("Host", "a b")]}, 400, "bad request: malformed host"),
        ("http://example.com/", {"headers": [("Content-Length", "x")]}, 400, "bad request: "),
        ("http://example.com/", {"method": "CONNECT"}, 501, "not implemented: CONNECT"),
        ("http://example.com/" + "a" * 6000, {}, 431, "request header fields too large"),
        ("http://example.com/", {"headers": [("x_y", "1")]}, 400, "a header field with an underscore"),
    ],
)
def test_what_the_entry_point_refuses(url, options, status, why):
    given = "entryPoints: {web: {address: ':80', http: {maxHeaderBytes: 100, underscoreHeadersStrategy: reject}}}"
    result = ask(ANY, url, given=given, **options)["result"]
    assert (result["kind"], result["by"], result["status"]) == ("answer", "entry point", status)
    assert result["why"].startswith(why)
