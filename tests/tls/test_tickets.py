"""Sessions that go on with another worker: keys of tickets drawn from one secret."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest

from tests.tls.pairs import Connected, client_context, pair, server_context
from trafficcop.tls import contexts, openssl
from trafficcop.tls.contexts import Certificate, ServerOptions, is_resumable
from trafficcop.tls.engine import ServerEndpoint
from trafficcop.tls.tickets import PERIOD, TicketKeys

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Clock:
    def __init__(self) -> None:
        self.now = 10 * PERIOD

    def __call__(self) -> float:
        return self.now


def endpoint(secret: bytes = b"secret", purpose: str = "", clock: Clock | None = None) -> ServerEndpoint:
    return ServerEndpoint(server_context(), TicketKeys(secret, Clock() if clock is None else clock), purpose)


def resumes(first: ServerEndpoint, second: ServerEndpoint, version: ssl.TLSVersion = V13) -> bool:
    """Whether a client's session with one goes on with the other."""
    client = client_context(version)
    one = Connected(first, client)
    one.shake_hands()
    one.hear()  # the ticket of TLS 1.3 comes after the handshake
    two = Connected(second, client, session=one.client.session)
    two.shake_hands()
    assert two.client.session_reused == two.stream.engine.inner.session_reused  # type: ignore[attr-defined]
    two.stream.data_received(two.say(b"hello"))
    assert two.above.received == [b"hello"]
    return bool(two.client.session_reused)


@pytest.mark.parametrize("version", [V12, V13])
def test_a_session_goes_on_with_another_worker(version: ssl.TLSVersion) -> None:
    assert resumes(endpoint(), endpoint(), version)


@pytest.mark.parametrize("version", [V12, V13])
def test_other_secrets_and_other_options_share_nothing(version: ssl.TLSVersion) -> None:
    assert not resumes(endpoint(), endpoint(b"other"), version)
    assert not resumes(endpoint(), endpoint(purpose="other"), version)
    assert not resumes(endpoint(b""), endpoint(b""), version)  # each draws one of its own


def test_keys_are_replaced() -> None:
    clock = Clock()
    worker = endpoint(clock=clock)
    assert resumes(worker, worker)
    client = client_context(V13)
    old = Connected(worker, client)
    old.shake_hands()
    old.hear()
    clock.now += PERIOD
    late = Connected(worker, client, session=old.client.session)
    late.shake_hands()
    assert not late.client.session_reused
    assert resumes(worker, endpoint(clock=clock))


def test_where_it_cannot_be_done_each_context_has_its_own_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openssl, "_call", lambda name: None)
    worker = endpoint()
    assert resumes(worker, worker)
    assert not resumes(worker, endpoint())


@pytest.mark.parametrize(
    "options", [ServerOptions(has_tickets=False), ServerOptions(client_auth="VerifyClientCertIfGiven")]
)
@pytest.mark.parametrize("version", [V12, V13])
def test_without_tickets_no_session_goes_on(options: ServerOptions, version: ssl.TLSVersion) -> None:
    if options.client_auth != "NoClientCert":
        options = replace(options, client_cas=pair().pem)
    context = contexts.server_context(options, Certificate("x", pair().pem, pair().key_pem), (), "")
    client = client_context(version)
    one = Connected(ServerEndpoint(context), client)
    one.shake_hands()
    with pytest.raises(ssl.SSLWantReadError):  # a session that was cut off is forgotten anyway
        one.client.unwrap()
    one.stream.data_received(one.outgoing.read())
    two = Connected(ServerEndpoint(context), client, session=one.client.session)
    two.shake_hands()
    assert not two.client.session_reused
    assert context.session_stats()["number"] == 0


def test_who_must_show_a_certificate_does_so_each_time() -> None:
    assert is_resumable(ServerOptions())
    assert not is_resumable(ServerOptions(has_tickets=False))
    assert not is_resumable(ServerOptions(client_auth="VerifyClientCertIfGiven"))
