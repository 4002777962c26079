"""`TLSStream`, byte by byte: the handshake, records in pieces, both ways to end."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from tests.tls.pairs import Above, Below, Connected, client_context, pair, server_context
from trafficcop.tls.contexts import Certificate, ServerOptions
from trafficcop.tls.engine import Endpoint, ServerEndpoint
from trafficcop.tls.flexible import FlexibleEndpoint
from trafficcop.tls.stream import TLSStream

Make = Callable[[], Endpoint]
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def standard() -> Endpoint:
    return ServerEndpoint(server_context())


def flexible() -> Endpoint:
    return FlexibleEndpoint(ServerOptions(), Certificate("x", pair().pem, pair().key_pem), (), "", {})


BOTH = pytest.mark.parametrize("endpoint", [standard, flexible])
VERSIONS = pytest.mark.parametrize("version", [V12, V13])


def connected(
    endpoint: Make = standard, version: ssl.TLSVersion | None = None, above: Above | None = None
) -> Connected:
    made = Connected(endpoint(), client_context(version), above=above)
    made.shake_hands()
    return made


@BOTH
@VERSIONS
def test_words_both_ways(endpoint: Make, version: ssl.TLSVersion) -> None:
    made = connected(endpoint, version)
    made.stream.data_received(made.say(b"question"))
    assert made.above.received == [b"question"]
    made.stream.write(b"answer")
    made.stream.writelines([b" and", b" more"])
    assert made.hear() == b"answer and more"


@BOTH
@VERSIONS
@pytest.mark.parametrize("step", [1, 7, 100])
def test_a_handshake_and_records_in_pieces(endpoint: Make, version: ssl.TLSVersion, step: int) -> None:
    made = Connected(endpoint(), client_context(version))
    made.stream.connection_made(made.below)
    wire = made.greet()
    for _ in range(10):
        for start in range(0, len(wire), step):
            made.stream.data_received(wire[start : start + step])
        made.incoming.write(made.below.take())
        try:
            made.client.do_handshake()
        except ssl.SSLWantReadError:
            wire = made.outgoing.read()
        else:
            break
    wire = made.outgoing.read() + made.say(b"one") + made.say(b"two")
    for start in range(0, len(wire), step):
        made.stream.data_received(wire[start : start + step])
    assert b"".join(made.above.received) == b"onetwo"


@BOTH
def test_many_records_at_once(endpoint: Make) -> None:
    made = connected(endpoint)
    data = bytes(range(256)) * 1000
    made.stream.data_received(b"".join(made.say(data[start : start + 5000]) for start in range(0, len(data), 5000)))
    assert b"".join(made.above.received) == data
    made.stream.write(data)
    assert made.hear() == data


@BOTH
def test_the_first_words_come_with_the_end_of_the_handshake(endpoint: Make) -> None:
    made = Connected(endpoint(), client_context(V13))
    made.stream.take_over(made.below, made.greet())
    made.incoming.write(made.below.take())
    made.client.do_handshake()
    made.stream.data_received(made.outgoing.read() + made.say(b"early"))
    assert made.above.received == [b"early"]
    made.stream.write(b"late")
    assert made.hear() == b"late"


@BOTH
@VERSIONS
def test_close_notify_is_answered_and_the_connection_closed(endpoint: Make, version: ssl.TLSVersion) -> None:
    made = connected(endpoint, version)
    wire = made.say(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        made.client.unwrap()
    made.stream.data_received(wire + made.outgoing.read())
    assert (made.above.received, made.above.told) == ([b"last"], ["eof"])
    assert made.below.told[-1] == "close"
    made.incoming.write(made.below.take())
    made.client.unwrap()  # would raise without the other end's close_notify
    made.stream.connection_lost(None)
    assert (made.above.told, made.above.error) == (["eof", "lost"], None)


@BOTH
@VERSIONS
def test_a_half_closed_connection_still_gets_its_answer(endpoint: Make, version: ssl.TLSVersion) -> None:
    made = connected(endpoint, version, Above(is_patient=True))
    with pytest.raises(ssl.SSLWantReadError):
        made.client.unwrap()
    made.stream.data_received(made.outgoing.read())
    assert made.stream.eof_received()
    assert made.above.told == ["eof"]  # once
    assert not made.stream.is_closing()
    made.stream.write(b"answer")
    assert made.below.sent
    made.stream.close()
    assert made.below.told[-1] == "close"


@BOTH
def test_a_connection_that_is_cut_off(endpoint: Make) -> None:
    made = connected(endpoint)
    assert not made.stream.eof_received()
    assert made.stream.is_closing()
    assert made.below.take() == b""  # nobody is there to read a close_notify
    made.stream.write(b"lost")
    assert made.below.sent == b""
    made.stream.connection_lost(None)
    assert isinstance(made.above.error, ssl.SSLEOFError)


@BOTH
def test_write_eof_says_goodbye_and_reads_on(endpoint: Make) -> None:
    made = connected(endpoint)
    made.stream.write(b"all")
    made.stream.write_eof()
    assert made.below.told[-1] == "write_eof"
    made.incoming.write(made.below.take())
    assert made.client.read(100) == b"all"
    assert made.client.read(100) == b""  # close_notify


@BOTH
def test_what_is_no_record_ends_the_connection(endpoint: Make) -> None:
    made = connected(endpoint)
    made.stream.data_received(b"GET / HTTP/1.1\r\n\r\n")
    assert made.above.received == []
    assert made.below.told[-1] == "abort"
    made.stream.data_received(made.say(b"later"))
    assert made.above.received == []
    with pytest.raises(ssl.SSLError, match="ALERT"):
        made.hear()


@BOTH
def test_a_record_that_was_tampered_with(endpoint: Make) -> None:
    made = connected(endpoint)
    good, bad = made.say(b"good"), bytearray(made.say(b"bad"))
    bad[-1] ^= 1
    made.stream.data_received(good + bytes(bad))
    assert made.below.told[-1] == "abort"
    assert b"bad" not in b"".join(made.above.received)


@BOTH
def test_renegotiation_is_refused(endpoint: Make) -> None:
    """RFC 5746 §4.5: an alert, and the connection goes on for who does not insist."""
    made = connected(endpoint, V12)
    assert made.stream.engine.version() == "TLSv1.2"
    # A HelloRequest's answer cannot be made with `ssl`: a second handshake on the wire is a record of type 22.
    made.stream.data_received(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00")
    assert made.below.told[-1] == "abort"


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\x00\x00", b"GET / HTTP/1.1\r\n\r\n"])
@BOTH
def test_garbage_is_a_failure_of_the_handshake(endpoint: Make, data: bytes) -> None:
    made = Connected(endpoint())
    made.stream.take_over(made.below, data)
    if not made.failures:  # more was expected
        assert not made.stream.eof_received()
    assert len(made.failures) == 1
    assert made.below.told[-1] == "close"
    assert made.below.take()[:1] in (b"", b"\x15")
    made.stream.connection_lost(None)
    assert len(made.failures) == 1  # told once


def test_a_connection_lost_inside_the_handshake() -> None:
    made = Connected()
    made.stream.take_over(made.below, made.greet())
    error = ConnectionResetError()
    made.stream.connection_lost(error)
    assert made.failures == [error]


def test_pressure_goes_through() -> None:
    made = connected()
    made.stream.pause_writing()
    made.stream.resume_writing()
    assert made.above.told == ["pause", "resume"]
    made.stream.pause_reading()
    made.stream.resume_reading()
    assert made.below.told[-2:] == ["pause_reading", "resume_reading"]


def test_after_abort_nothing_is_read_or_written() -> None:
    made = connected()
    wire = made.say(b"x")
    made.stream.abort()
    made.stream.data_received(wire)
    made.stream.write(b"y")
    made.stream.close()
    assert (made.above.received, made.below.sent, made.below.told[-1]) == ([], b"", "abort")


def test_before_it_is_connected_nothing_happens() -> None:
    stream = TLSStream(standard(), lambda stream: None, lambda error: None)
    stream.write(b"x")
    stream.write_eof()
    stream.close()
    assert stream.is_closing()
    assert stream.get_extra_info("peername", "nobody") == "nobody"
    assert Below().sent == b""
