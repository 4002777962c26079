"""HTTP matchers, in both syntaxes: which requests they take, and which arguments they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.http.headers import Headers
from trafficcop.http.messages import Peer, Request
from trafficcop.rules.ast import And, Matcher, Node, Or
from trafficcop.rules.matchers import check, link_http
from trafficcop.rules.parse import RuleError, Syntax, parse


def request(
    host: str = "a.example.com",
    path: str = "/",
    query: bytes | None = None,
    method: bytes = b"GET",
    peer: str = "192.0.2.1",
    **headers: str,
) -> Request:
    fields = Headers.of([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])
    made = Request(method, path.encode("utf-8", "surrogateescape"), query, fields)
    made.host = host.encode()
    made.peer = Peer(peer)
    return made


def takes(rule: str, made: Request, syntax: Syntax = "v3") -> bool:
    return link_http(parse(rule, syntax=syntax), syntax)(made)


HOSTS = [
    ("Host(`a.example.com`)", "a.example.com", True),
    ("Host(`A.Example.COM`)", "a.example.com", True),
    ("Host(`a.example.com`)", "a.example.com.", True),
    ("Host(`a.example.com`)", "a.example.com..", False),
    ("Host(`a.example.com.`)", "a.example.com", True),
    ("Host(`a.example.com.`)", "a.example.com.", True),
    ("Host(`a.example.com`)", "b.example.com", False),
    ("Host(`a.example.com`)", "", False),
    ("Host(`.`)", "", False),
    ("!Host(`a.example.com`)", "", True),
    ("Host(`*`)", "", True),
    ("Host(`*`)", "x", True),
    ("Host(`*.example.com`)", "a.example.com", True),
    ("Host(`*.example.com`)", "a.example.com.", True),
    ("Host(`*.example.com.`)", "a.example.com", True),
    ("Host(`*.Example.com`)", "a.example.com", True),
    ("Host(`*.example.com`)", "example.com", False),
    ("Host(`*.example.com`)", "x.a.example.com", False),
    ("Host(`*.example.com`)", "", False),
    ("Host(`*example.com`)", "aexample.com", False),
    ("Host(`**`)", "a", False),
    ("Host(`*.`)", "a", True),
    ("Host(`*.`)", "", False),
    ("Host(`192.0.2.1`)", "192.0.2.1", True),
    ("HostRegexp(`^[a-z]+\\.example\\.com$`)", "abc.example.com", True),
    ("HostRegexp(`^[a-z]+\\.example\\.com$`)", "a1.example.com", False),
    ("HostRegexp(`example`)", "a.example.com", True),
    ("HostRegexp(`^.+$`)", "", False),
    ("HostRegexp(`^(?P<sub>a|b)\\.`)", "b.example.com", True),
    ("HostRegexp(`A`)", "a", False),
    ("HostRegexp(`(?i)A`)", "a", True),
    ("HostRegexp(`^$`)", "a", True),  # fits the missing CNAME
    ("HostRegexp(`x*`)", "", True),
]


@pytest.mark.parametrize(("rule", "host", "expected"), HOSTS)
def test_host(rule: str, host: str, expected: bool) -> None:
    assert takes(rule, request(host)) is expected


REQUESTS = [
    ("Path(`/a`)", request(path="/a"), True),
    ("Path(`/a`)", request(path="/a/"), False),
    ("Path(`/{id}`)", request(path="/1"), False),
    ("Path(`/a b/é`)", request(path="/a b/é"), True),
    ('Path("/\\xff")', request(path="/\udcff"), True),
    ("PathPrefix(`/a`)", request(path="/a"), True),
    ("PathPrefix(`/a`)", request(path="/ab/c"), True),
    ("PathPrefix(`/a/`)", request(path="/a"), False),
    ("PathRegexp(`\\.(jpe?g|png)$`)", request(path="/x/y.jpg"), True),
    ("PathRegexp(`\\.(jpe?g|png)$`)", request(path="/x/y.gif"), False),
    ("PathRegexp(`^/a.c$`)", request(path="/aéc"), True),
    ("PathRegexp(`^/a.c$`)", request(path="/a\udcffc"), True),
    ("PathRegexp(`^/a.*/secret$`)", request(path="/a\udcff/secret"), True),
    ("Method(`post`)", request(method=b"POST"), True),
    ("Method(`POST`)", request(method=b"post"), False),
    ("Method(`POST`)", request(), False),
    ("Header(`x-a`, `1`)", request(X_A="1"), True),
    ("Header(`X-A`, `1`)", request(x_a="1"), True),
    ("Header(`X-A`, `1`)", request(X_A="1, 2"), False),
    ("Header(`X-A`, `1`)", request(X_B="1"), False),
    ("Header(`Upgrade`, `websocket`)", request(upgrade="websocket"), True),
    ("Header(`Upgrade`, `websocket`)", request(upgrade="h2c"), False),
    ("Header(`Host`, `a`)", request(Host="a"), False),
    ("Header(`Transfer-Encoding`, `chunked`)", request(transfer_encoding="chunked"), False),
    ("HeaderRegexp(`accept`, `^text/(html|plain)`)", request(Accept="text/html,*/*"), True),
    ("HeaderRegexp(`accept`, `^text/(html|plain)`)", request(Accept="text/css"), False),
    ("HeaderRegexp(`accept`, ``)".replace("``", "`.*`"), request(), False),
    ("HeaderRegexp(`Host`, `.*`)", request(Host="a"), False),
    ("Query(`a`, `1`)", request(query=b"b=2&a=1"), True),
    ("Query(`a`, `1`)", request(query=b"a=2&a=1"), True),
    ("Query(`a`, `1`)", request(query=b"A=1"), False),
    ("Query(`a`, `1`)", request(), False),
    ("Query(`a`, `1`)", request(query=b""), False),
    ("Query(`a b`, `c/d`)", request(query=b"a+b=c%2Fd"), True),
    ("Query(`a b`, `c+d`)", request(query=b"a%20b=c%2bd"), True),
    ("Query(`a`, `1`)", request(query=b"a=1;b=2"), False),
    ("Query(`a`, `1`)", request(query=b"a=%zz&a=1"), True),
    ("Query(`a`, `%zz`)", request(query=b"a=%zz"), False),
    ("Query(`a`, `1=2`)", request(query=b"a=1=2"), True),
    ("Query(`a`)", request(query=b"a"), True),
    ("Query(`a`)", request(query=b"a="), True),
    ("Query(`a`)", request(query=b"a=1"), False),
    ("Query(`a`)", request(query=b"b"), False),
    ("QueryRegexp(`a`)", request(query=b"a"), True),
    ("QueryRegexp(`a`)", request(query=b"a=1"), False),
    ("QueryRegexp(`a`, `^[0-9]+$`)", request(query=b"a=x&a=12"), True),
    ("QueryRegexp(`a`, `^[0-9]+$`)", request(query=b"a=x"), False),
    ("QueryRegexp(`a`, `.*`)", request(), False),
    ("ClientIP(`192.0.2.1`)", request(), True),
    ("ClientIP(`192.0.2.2`)", request(), False),
    ("ClientIP(`192.0.2.0/24`)", request(), True),
    ("ClientIP(`192.0.2.99/24`)", request(), True),
    ("ClientIP(`0.0.0.0/0`)", request(), True),
    ("ClientIP(`::/0`)", request(), False),
    ("ClientIP(`0.0.0.0/0`)", request(peer="2001:db8::1"), False),
    ("ClientIP(`2001:db8::/32`)", request(peer="2001:db8::1"), True),
    ("ClientIP(`2001:db8::/32`)", request(peer="2001:db9::1"), False),
    ("ClientIP(`192.0.2.1`)", request(peer="::ffff:192.0.2.1"), True),
    ("ClientIP(`::ffff:192.0.2.0/120`)", request(), True),
    ("ClientIP(`fe80::/10`)", request(peer="fe80::1%eth0"), True),
    ("ClientIP(`0.0.0.0/0`)", request(peer=""), False),
    ("ClientIP(`192.0.2.1`)", request(peer="203.0.113.9", X_Forwarded_For="192.0.2.1"), False),
    ("Host(`a.example.com`) && !Method(`PUT`) && PathPrefix(`/`)", request(), True),
    ("Host(`b`) || Method(`GET`) || Path(`/x`)", request(), True),
    ("Host(`b`) || Method(`PUT`) || Path(`/x`) || Path(`/y`) || Path(`/`)", request(), True),
    ("Host(`a.example.com`) && Method(`GET`) && Path(`/`) && ClientIP(`192.0.2.1`)", request(), True),
    ("Host(`a.example.com`) && Method(`GET`) && Path(`/`) && ClientIP(`192.0.2.2`)", request(), False),
]


@pytest.mark.parametrize(("rule", "made", "expected"), REQUESTS)
def test_v3(rule: str, made: Request, expected: bool) -> None:
    assert takes(rule, made) is expected
    assert takes(f"!({rule})", made) is not expected


V2 = [
    ("Host(`b`, `A.example.com`)", request(), True),
    ("Host(`a.example.com.`)", request(), True),
    ("Host(`a.example.com`)", request("a.example.com."), True),
    ("Host(`*.example.com`)", request(), False),
    ("Host(`b`)", request(""), False),
    ("HostHeader(`a.example.com`)", request(), True),
    ("HostRegexp(`{sub}.example.com`)", request(), True),
    ("HostRegexp(`{sub}.example.com`)", request("a.b.example.com"), False),
    ("HostRegexp(`{sub}.example.com`)", request("a-example-com"), False),
    ("HostRegexp(`{sub:[a-z]+}.Example.com`)", request(), True),
    ("HostRegexp(`{sub:[0-9]{2}}.example.com`)", request("12.example.com"), True),
    ("HostRegexp(`b`, `{any:.*}`)", request(), True),
    ("HostRegexp(`example.com`)", request(), False),
    ("Path(`/a`, `/b`)", request(path="/b"), True),
    ("Path(`/a/{id}`)", request(path="/a/1"), True),
    ("Path(`/a/{id}`)", request(path="/a/1/2"), False),
    ("Path(`/a/{id:[0-9]+}/x`)", request(path="/a/1/x"), True),
    ("Path(`/a/{id:[0-9]+}/x`)", request(path="/a/b/x"), False),
    ("Path(`/a.b/{x}`)", request(path="/a-b/1"), False),
    ("PathPrefix(`/{id}/x`)", request(path="/1/xyz"), True),
    ("PathPrefix(`/b`, `/a`)", request(path="/ab"), True),
    ("PathPrefix(`/b`)", request(path="/a/b"), False),
    ("Method(`put`, `get`)", request(), True),
    ("Method(`PUT`)", request(), False),
    ("Headers(`x-a`, `1`)", request(X_A="1"), True),
    ("Headers(`x-a`, `1`, `x-b`, `2`)", request(X_A="1"), False),
    ("Headers(`x-a`, `1`, `x-b`, `2`)", request(X_A="1", X_B="2"), True),
    ("Headers(`host`, `a`)", request(Host="a"), False),
    ("HeadersRegexp(`x-a`, `^[0-9]`, `x-b`, `z$`)", request(X_A="1", X_B="xyz"), True),
    ("HeadersRegexp(`x-a`, `^[0-9]`, `x-b`, `z$`)", request(X_A="1", X_B="xy"), False),
    ("Query(`a=1`)", request(query=b"b=2&a=1"), True),
    ("Query(`a=1`)", request(query=b"a=2&a=1"), False),
    ("Query(`a=1`, `b=2`)", request(query=b"a=1&b=2"), True),
    ("Query(`a=1`, `b=2`)", request(query=b"a=1"), False),
    ("Query(`a=`)", request(query=b"a=anything"), True),
    ("Query(`a=`)", request(query=b"b=1"), False),
    ("Query(`a={n:[0-9]+}`)", request(query=b"a=12"), True),
    ("Query(`a={n:[0-9]+}`)", request(query=b"a=x"), False),
    ("Query(`a=1`)", request(), False),
    ("Query(`a=b c`)", request(query=b"a=%zz&a=b+c"), True),
    ("ClientIP(`203.0.113.1`, `192.0.2.0/24`)", request(), True),
    ("ClientIP(`203.0.113.1`)", request(), False),
]


@pytest.mark.parametrize(("rule", "made", "expected"), V2)
def test_v2(rule: str, made: Request, expected: bool) -> None:
    assert takes(rule, made, "v2") is expected


REFUSED: list[tuple[Syntax, str, int, str]] = [
    ("v3", "Host(`é.example.com`)", 6, "non-ASCII"),
    ("v3", "HostRegexp(`é`)", 12, "non-ASCII"),
    ("v3", "HostRegexp(`a(`)", 12, "not a regular expression"),
    ("v3", "PathRegexp(`(?=a)`)", 12, "not a regular expression"),
    ("v3", "PathRegexp(`(a)\\1`)", 12, "not a regular expression"),
    ("v3", "PathRegexp(`{id:(}`)", 12, "ruleSyntax: v2"),
    ("v3", "PathRegexp(`(((a{100}){100}){100})`)", 12, "not a regular expression"),
    ("v3", "Path(`a`)", 6, "does not start with a '/'"),
    ("v3", "Host(`x`) && PathPrefix(`a`)", 25, "does not start with a '/'"),
    ("v3", "HeaderRegexp(`a`, `[`)", 19, "not a regular expression"),
    ("v3", "QueryRegexp(`a`, `[`)", 18, "not a regular expression"),
    ("v3", "ClientIP(`10.0.0.256`)", 10, "neither an IP address nor a CIDR range"),
    ("v3", "ClientIP(`10.0.0.0/33`)", 10, "neither"),
    ("v3", "ClientIP(`10.0.0.0/255.0.0.0`)", 10, "neither"),
    ("v3", "ClientIP(`fe80::1%eth0`)", 10, "neither"),
    ("v3", "ClientIP(`localhost`)", 10, "neither"),
    ("v2", "Host(`a`, `é`)", 11, "non-ASCII"),
    ("v2", "HostRegexp(`é`)", 12, "non-ASCII"),
    ("v2", "HostRegexp(`a`, `{b`)", 17, "unbalanced braces"),
    ("v2", "Query(`a={x}`, `b={x:1}`)", 16, "the variable x stands in two arguments"),
    ("v2", "HostRegexp(`}b{`)", 12, "unbalanced braces"),
    ("v2", "Path(`/{}`)", 6, "missing name or pattern"),
    ("v2", "Path(`/{a:}`)", 6, "missing name or pattern"),
    ("v2", "Path(`/{a:[}`)", 6, "not a regular expression"),
    ("v2", "Path(`a`)", 6, "does not start"),
    ("v2", "PathPrefix(`/a`, `b`)", 18, "does not start"),
    ("v2", "Headers(`a`)", 9, "multiple of 2"),
    ("v2", "HeadersRegexp(`a`, `b`, `c`, `[`)", 30, "not a regular expression"),
    ("v2", "Query(`a`)", 7, "key=value"),
    ("v2", "ClientIP(`::1`, `x`)", 17, "neither"),
]


@pytest.mark.parametrize(("syntax", "rule", "column", "words"), REFUSED)
def test_refused(syntax: Syntax, rule: str, column: int, words: str) -> None:
    node = parse(rule, syntax=syntax)
    with pytest.raises(RuleError) as caught:
        check(node, "http", syntax, rule)
    assert words in caught.value.message
    assert caught.value.column == column
    with pytest.raises(RuleError):
        check(node, "http", syntax)
    with pytest.raises(RuleError):
        link_http(node, syntax)


def test_what_is_right_passes() -> None:
    for rule, *_ in [*HOSTS, *REQUESTS]:
        check(parse(rule), "http", "v3", rule)
    for rule, *_ in V2:
        check(parse(rule, syntax="v2"), "http", "v2", rule)


def test_address_is_worked_out_once() -> None:
    made = request()
    assert made.peer.number is None
    assert takes("ClientIP(`192.0.2.1`)", made)
    assert made.peer.number == 0xC0000201


CONDITIONS = {"Method(`GET`)": 1, "Path(`/`)": 2, "Header(`X-A`, `1`)": 4, "Query(`q`)": 8}
EXPRESSIONS = st.recursive(
    st.sampled_from(sorted(CONDITIONS)),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=5).map(lambda members: f"({' && '.join(members)})"),
        st.lists(inner, min_size=2, max_size=5).map(lambda members: f"({' || '.join(members)})"),
        inner.map("!{}".format),
    ),
    max_leaves=12,
)


@given(EXPRESSIONS, st.integers(0, 15))
def test_tree_means_what_the_expression_means(expression: str, facts: int) -> None:
    made = request(
        method=b"GET" if facts & 1 else b"PUT",
        path="/" if facts & 2 else "/x",
        query=b"q" if facts & 8 else None,
        **({"X_A": "1"} if facts & 4 else {}),
    )
    python = expression.replace("&&", " and ").replace("||", " or ").replace("!", " not ")
    for condition, bit in CONDITIONS.items():
        python = python.replace(condition, str(bool(facts & bit)))
    assert takes(expression, made) is eval(python)


def evaluate(node: Node, made: Request) -> bool:
    if isinstance(node, And):
        return evaluate(node.left, made) and evaluate(node.right, made)
    if isinstance(node, Or):
        return evaluate(node.left, made) or evaluate(node.right, made)
    return link_http(node, "v3")(made)


@given(EXPRESSIONS)
def test_negation_is_de_morgan(expression: str) -> None:
    made = request(X_A="1")
    node, opposite = parse(expression), parse(f"!({expression})")
    assert evaluate(node, made) is not evaluate(opposite, made)


def test_long_chains_built_by_hand_are_linked_without_recursion() -> None:
    node: Node = Matcher("Path", ("/",))
    for number in range(20_000):
        node = Or(node, Matcher("Host", (f"h{number}.test",)))
    assert link_http(node, "v3")(request("h19999.test", "/x"))
    assert not link_http(node, "v3")(request("h20000.test", "/x"))
