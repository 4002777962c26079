"""Binding of entry points: who may share a port, what an address means, and what is said when it cannot be had."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from trafficcop.config.entry_points import EntryPoint
from trafficcop.machine.sockets import BindError, Sockets, open_sockets


@pytest.mark.parametrize("text", ["", "localhost", "::1:80", ":80/sctp", ":99999"])
def test_a_bad_address_names_its_entry_point(text: str) -> None:
    with pytest.raises(BindError, match=r"^entry point web: "):
        open_sockets({"web": EntryPoint(address=text)}, 1)


@pytest.fixture
def opened() -> Iterator[list[Sockets]]:
    sockets: list[Sockets] = []
    yield sockets
    for each in sockets:
        each.close()


def port_of(sockets: Sockets, name: str = "web") -> int:
    port: int = sockets.of_worker[0][name].getsockname()[1]
    return port


def test_every_worker_has_its_own_socket_and_the_kernel_deals_out_connections(opened: list[Sockets]) -> None:
    sockets = open_sockets({"web": EntryPoint(address="127.0.0.1:0")}, 3)
    opened.append(sockets)
    clients = [socket.create_connection(("127.0.0.1", port_of(sockets))) for _ in range(60)]
    counts = []
    for of_worker in sockets.of_worker:
        count = 0
        while True:
            try:
                accepted, _ = of_worker["web"].accept()
            except BlockingIOError:
                break
            accepted.close()
            count += 1
        counts.append(count)
    for client in clients:
        client.close()
    assert sum(counts) == 60
    assert all(counts)


def test_a_foreign_holder_is_found_out_even_when_it_shares(opened: list[Sockets]) -> None:
    with closing(socket.socket()) as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        address = f"127.0.0.1:{foreign.getsockname()[1]}"
        with pytest.raises(BindError) as caught:
            open_sockets({"web": EntryPoint(address=address)}, 2)
        assert str(caught.value) == f"entry point web: address {address} is in use"
        sharing = open_sockets({"web": EntryPoint(address=address, reuse_port=True)}, 2)
        opened.append(sharing)
        assert port_of(sharing) == foreign.getsockname()[1]


def test_udp_is_not_shared_either(opened: list[Sockets]) -> None:
    sockets = open_sockets({"dns": EntryPoint(address="127.0.0.1:0/udp")}, 2)
    opened.append(sockets)
    address = f"127.0.0.1:{port_of(sockets, 'dns')}/udp"
    with pytest.raises(BindError, match="is in use"):
        open_sockets({"dns": EntryPoint(address=address)}, 1)
    assert sockets.of_worker[1]["dns"].type == socket.SOCK_DGRAM


def test_two_entry_points_on_one_address(opened: list[Sockets]) -> None:
    sockets = open_sockets({"web": EntryPoint(address="127.0.0.1:0")}, 2)
    opened.append(sockets)
    again = EntryPoint(address=f"127.0.0.1:{port_of(sockets)}")
    with pytest.raises(BindError, match=r"entry point other: .* is in use"):
        open_sockets({"other": again}, 2)


def test_nothing_stays_open_after_a_failure() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with closing(socket.socket()) as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        taken = f"127.0.0.1:{foreign.getsockname()[1]}"
        with pytest.raises(BindError):
            open_sockets({"a": EntryPoint(address="127.0.0.1:0"), "b": EntryPoint(address=taken)}, 4)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("host", ["", "0.0.0.0", "[::]"])
def test_an_unspecified_address_means_both_families(opened: list[Sockets], host: str) -> None:
    sockets = open_sockets({"web": EntryPoint(address=f"{host}:0")}, 1)
    opened.append(sockets)
    for target in ("127.0.0.1", "::1"):
        socket.create_connection((target, port_of(sockets))).close()


def test_a_foreign_address(opened: list[Sockets]) -> None:
    with pytest.raises(BindError, match=r"entry point web: address 192\.0\.2\.1:80 is not one of this machine"):
        open_sockets({"web": EntryPoint(address="192.0.2.1:80")}, 1)


def test_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Forbidden)
    with pytest.raises(BindError) as caught:
        open_sockets({"web": EntryPoint(address="127.0.0.1:80")}, 1)
    assert str(caught.value).startswith(
        "entry point web: no permission to bind port 80 (need CAP_NET_BIND_SERVICE, or a lower sysctl"
    )


def test_accepted_connections_are_kept_alive_for_three_minutes(opened: list[Sockets]) -> None:
    sockets = open_sockets({"web": EntryPoint(address="127.0.0.1:0")}, 1)
    opened.append(sockets)
    listener = sockets.of_worker[0]["web"]
    with socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 180
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_passed_sockets_are_shared_by_all_workers(opened: list[Sockets]) -> None:
    passed = socket.create_server(("127.0.0.1", 0))
    sockets = open_sockets(
        {"web": EntryPoint(address=":80"), "own": EntryPoint(address="127.0.0.1:0")}, 2, {"web": passed}
    )
    opened.append(sockets)
    assert sockets.of_worker[0]["web"] is passed
    assert sockets.of_worker[1]["web"] is passed
    assert sockets.of_worker[0]["own"] is not sockets.of_worker[1]["own"]


def test_passed_datagrams_are_read_by_one_worker(opened: list[Sockets]) -> None:
    passed = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sockets = open_sockets({"dns": EntryPoint(address=":53/udp")}, 2, {"dns": passed})
    opened.append(sockets)
    assert [dict(each) for each in sockets.of_worker] == [{"dns": passed}, {}]


def test_a_passed_socket_of_the_wrong_protocol() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as passed:
        with pytest.raises(BindError, match="passed by systemd is not of protocol tcp"):
            open_sockets({"web": EntryPoint(address=":80")}, 1, {"web": passed})


def test_keep_only_closes_what_belongs_to_others(opened: list[Sockets]) -> None:
    entry_point = EntryPoint(address="127.0.0.1:0")
    sockets = open_sockets({"web": entry_point, "api": dataclasses.replace(entry_point)}, 3)
    opened.append(sockets)
    sockets.keep_only(1)
    states = [[sock.fileno() >= 0 for sock in of_worker.values()] for of_worker in sockets.of_worker]
    assert states == [[False, False], [True, True], [False, False]]
    sockets.keep_only(None)
    assert all(sock.fileno() < 0 for sock in sockets.of_worker[1].values())
