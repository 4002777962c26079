"""Whole instances, seen from outside: start, restarts, signals, and that nothing is left behind."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.process.conftest import Start
from tests.process.instance import PATIENCE, answer, free_port, get, is_alive, is_refused, until


def test_it_starts_serves_and_stops(start: Start, port: int, tmp_path: Path) -> None:
    instance = start(environ={"XDG_RUNTIME_DIR": str(tmp_path)})
    instance.wait_serving()
    assert get(port)[0] == 200
    assert set(instance.children()) == {"ctl", "w0", "w1"}
    (directory,) = tmp_path.glob("trafficcop-*")
    assert directory.stat().st_mode & 0o777 == 0o700
    instance.signal(signal.SIGTERM)
    assert instance.wait() == 0
    lines = instance.log().splitlines()
    expected = ["Draining: requests under way may end, new connections are refused", "Stopped"]
    assert [line.removeprefix("INFO ") for line in lines[-2:]] == expected
    assert not directory.exists()
    with pytest.raises(ConnectionRefusedError):
        get(port)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_drain_says_who_still_accepts(start: Start, port: int, workers: int) -> None:
    other = free_port()
    life_cycle = "transport: {lifeCycle: {requestAcceptGraceTimeout: 300ms}}"
    instance = start(workers=workers, entry_points=f"  late: {{address: '127.0.0.1:{other}', {life_cycle}}}")
    until(lambda: _is_answering(port), "an answer")
    instance.signal(signal.SIGTERM)
    assert instance.wait() == 0
    said = "new connections are still accepted by late (for 300ms), refused by web"
    assert f"INFO Draining: requests under way may end, {said}\n" in instance.log()


def test_all_roles_in_one_process(start: Start, port: int) -> None:
    instance = start(workers=0)
    until(lambda: _is_answering(port), "an answer")
    assert get(port)[0] == 200
    assert instance.children() == {}
    assert "Serving in one process" in instance.log()
    instance.signal(signal.SIGTERM)
    assert instance.wait() == 0
    assert instance.log().endswith("INFO Stopped\n")


def _is_answering(port: int) -> bool:
    try:
        return get(port)[0] == 200
    except ConnectionError:
        return False


def test_a_killed_worker_is_replaced_and_loses_no_connection_that_waits(start: Start, port: int) -> None:
    instance = start(workers=1)
    instance.wait_serving()
    worker = instance.children()["w0"]
    # Stopped first, so that what is opened now surely waits in its queue when it dies.
    os.kill(worker, signal.SIGSTOP)
    waiting = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) for _ in range(20)]
    os.kill(worker, signal.SIGKILL)
    for sock in waiting:
        with sock:
            assert answer(sock)[0] == 200
    assert instance.children()["w0"] != worker
    assert "was ended by SIGKILL" in instance.log()


def test_requests_go_on_while_workers_are_killed(start: Start, port: int) -> None:
    instance = start(workers=2)
    instance.wait_serving()
    refused: list[BaseException] = []
    done = threading.Event()

    def connect() -> None:
        while not done.is_set():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
            except OSError as error:
                refused.append(error)

    client = threading.Thread(target=connect)
    client.start()
    for role in ("w0", "w1", "w0"):
        until(lambda role=role: role in instance.children(), role)  # type: ignore[misc]
        pid = instance.children()[role]
        os.kill(pid, signal.SIGKILL)
        until(lambda role=role, pid=pid: instance.children().get(role, pid) != pid, "a new one")  # type: ignore[misc]
    done.set()
    client.join()
    assert refused == []
    assert get(port)[0] == 200


def test_workers_serve_while_control_is_restarted(start: Start, port: int, write_routes: Callable[[str], None]) -> None:
    instance = start(workers=1)
    instance.wait_serving()
    control = instance.children()["ctl"]
    os.kill(control, signal.SIGSTOP)
    assert get(port)[0] == 200
    os.kill(control, signal.SIGKILL)
    assert get(port)[0] == 200
    write_routes("/elsewhere")
    until(lambda: instance.children().get("ctl", control) != control, "a new control process")
    until(lambda: get(port)[0] == 404, "the configuration that the new control process read")


def test_a_request_in_flight_is_finished(start: Start, port: int) -> None:
    instance = start(workers=1)
    instance.wait_serving()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(b"GET /slow/0.7 HTTP/1.1\r\nHost: example.com\r\n\r\n")
        until(lambda: _has_taken_all(sock), "the request in the worker")
        instance.signal(signal.SIGTERM)
        until(lambda: "Draining" in instance.log(), "the stop")
        until(lambda: is_refused(port), "no new connections")
        assert instance.process.poll() is None
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    assert instance.wait() == 0


def _has_taken_all(sock: socket.socket) -> bool:
    """Whether the connection has left the accept queue: the other end of it belongs to a process then."""
    local, remote = sock.getsockname()[1], sock.getpeername()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        here, there = (int(address.split(":")[1], 16) for address in fields[1:3])
        if (here, there) == (remote, local):
            return fields[9] != "0" and fields[4].endswith(":00000000")
    return False


@pytest.mark.parametrize("workers", [0, 2])
def test_new_connections_are_refused_while_old_ones_end(start: Start, port: int, workers: int) -> None:
    """A connection that is taken and never served would keep a client waiting that could go elsewhere."""
    instance = start(workers=workers)
    until(lambda: _is_answering(port), "an answer")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(b"GET /slow/1 HTTP/1.1\r\nHost: example.com\r\n\r\n")
        until(lambda: _has_taken_all(sock), "the request in the worker")
        instance.signal(signal.SIGTERM)
        until(lambda: is_refused(port), "refusal")
        sock.settimeout(0.0)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        sock.settimeout(PATIENCE)
        assert b"200 OK" in sock.recv(65536)
    assert instance.wait() == 0


def test_the_grace_time_ends(start: Start, port: int) -> None:
    instance = start(workers=1, grace="200ms")
    instance.wait_serving()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(b"GET /slow/3 HTTP/1.1\r\nHost: example.com\r\n\r\n")
        until(lambda: _has_taken_all(sock), "the request in the worker")
        instance.signal(signal.SIGTERM)
        assert instance.wait() == 0
        with suppress(ConnectionResetError):
            assert b"200 OK" not in sock.recv(65536)


def test_a_second_ctrl_c_stops_at_once(start: Start, port: int) -> None:
    instance = start(workers=1)
    instance.wait_serving()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(b"GET /slow/3 HTTP/1.1\r\nHost: example.com\r\n\r\n")
        until(lambda: _has_taken_all(sock), "the request in the worker")
        instance.signal(signal.SIGINT)
        until(lambda: "Draining" in instance.log(), "the stop")
        instance.signal(signal.SIGINT)
        assert instance.wait() == 128 + signal.SIGINT
    assert not any(is_alive(pid) for pid in instance.children_seen)


def test_a_repeated_sigterm_cuts_nothing_off(start: Start, port: int) -> None:
    """Service managers, and `timeout`, send it to the supervisor and then to the whole group."""
    instance = start(workers=1)
    instance.wait_serving()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        sock.sendall(b"GET /slow/0.5 HTTP/1.1\r\nHost: example.com\r\n\r\n")
        until(lambda: _has_taken_all(sock), "the request in the worker")
        for _ in range(2):
            instance.signal(signal.SIGTERM)
        until(lambda: "Draining" in instance.log(), "the stop")
        instance.signal(signal.SIGTERM)
        assert b"200 OK" in sock.recv(65536)
    assert instance.wait() == 0


def test_a_port_in_use_is_one_line(start: Start, port: int) -> None:
    with closing(socket.socket()) as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        foreign.bind(("127.0.0.1", port))
        foreign.listen()
        instance = start()
        assert instance.wait() == 1
    assert instance.log() == f"ERROR entry point web: address 127.0.0.1:{port} is in use\n"


def test_no_child_outlives_a_killed_supervisor(start: Start, port: int) -> None:
    instance = start()
    instance.wait_serving()
    instance.signal(signal.SIGKILL)
    instance.wait()
    assert len(instance.children_seen) == 3
    until(lambda: not any(is_alive(pid) for pid in instance.children_seen), "the end of every child")
    until(lambda: is_refused(port), "a free port")


def test_sighup_reloads(start: Start, port: int, write_routes: Callable[[str], None]) -> None:
    instance = start()
    instance.wait_serving()
    assert get(port)[0] == 200
    write_routes("/elsewhere")
    instance.signal(signal.SIGHUP)
    until(lambda: get(port)[0] == 404, "the new configuration")
    assert get(port, "/elsewhere")[0] == 200


def test_sockets_of_systemd(start: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, socket.create_server(("127.0.0.1", 0)) as passed:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE)
        port = passed.getsockname()[1]
        waiting = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        environ = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "web", "NOTIFY_SOCKET": str(tmp_path / "notify")}
        instance = start(environ=environ, fds=[passed.fileno()])
        with waiting:
            assert answer(waiting)[0] == 200
        assert systemd.recv(100) == b"READY=1"
        instance.signal(signal.SIGTERM)
        assert systemd.recv(100) == b"STOPPING=1"
        assert instance.wait() == 0
        # systemd's own end of the socket is still open: what comes now waits for the next start.
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()


def test_free_ports_are_free() -> None:
    assert is_refused(free_port())
