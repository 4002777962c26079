"""The access log of a whole instance: several workers write one file, which somebody moves away under load."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from tests.process.conftest import Start
from tests.process.instance import Instance, get, until

CLIENTS, REQUESTS, ROTATIONS = 4, 300, 8
JSON = "accessLog: {{filePath: {}, format: json, bufferingSize: {}}}"


def ask_many(port: int, client: int) -> None:
    """Requests on one connection, each for a path of its own; a part of each line is long."""
    with socket.create_connection(("127.0.0.1", port), timeout=15) as sock, sock.makefile("rb") as answers:
        for number in range(REQUESTS):
            path = f"/{client}/{number}?{'x' * (number % 700)}"
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: example.com\r\n\r\n".encode())
            length = 0
            while line := answers.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert len(answers.read(length)) == 5


def lines_in(directory: Path) -> list[str]:
    text = "".join(path.read_text() for path in sorted(directory.glob("access*")))
    assert text.endswith("\n")
    return text.splitlines()


@pytest.mark.parametrize("buffer", [0, 50])
def test_the_file_is_moved_under_load(start: Start, port: int, tmp_path: Path, buffer: int) -> None:
    logs = tmp_path / "logs"
    instance = start(workers=2, more=JSON.format(logs / "access.log", buffer))
    instance.wait_serving()
    until(lambda: get(port, "/first")[0] == 200, "the first plan")
    clients = [threading.Thread(target=ask_many, args=(port, client)) for client in range(CLIENTS)]
    for client in clients:
        client.start()
    for number in range(ROTATIONS):
        os.rename(logs / "access.log", logs / f"access.{number}")
        instance.signal(signal.SIGUSR1)
        until((logs / "access.log").exists, "a new file")
    for client in clients:
        client.join()
    instance.signal(signal.SIGTERM)
    assert instance.wait() == 0
    lines = [json.loads(line) for line in lines_in(logs)]
    paths = [line["RequestPath"] for line in lines if not line["RequestPath"].startswith("/first")]
    assert len(paths) == CLIENTS * REQUESTS
    assert len(set(paths)) == len(paths)
    counts = [line["RequestCount"] for line in lines]
    assert len(set(counts)) == len(counts)


def told(instance: Instance) -> list[str]:
    return [line for line in instance.log().splitlines() if "access log" in line]


def test_a_file_that_cannot_be_written_is_one_clear_line(start: Start, port: int, tmp_path: Path) -> None:
    instance = start(workers=2, more=JSON.format(tmp_path / "dynamic.yml" / "access.log", 0))
    instance.wait_serving()
    until(lambda: get(port)[0] == 200, "requests are served all the same")
    (line,) = told(instance)
    assert "cannot open the access log" in line
    assert "dynamic.yml/access.log" in line
    assert "Not a directory" in line


def test_a_full_disk_is_told_once_and_nobody_is_kept_waiting(start: Start, port: int) -> None:
    instance = start(workers=1, more=JSON.format("/dev/full", 0))
    instance.wait_serving()
    until(lambda: get(port)[0] == 200, "the first plan")
    for _ in range(5):
        assert get(port)[0] == 200
    until(lambda: bool(told(instance)), "a word about it")
    (line,) = told(instance)
    assert "cannot write the access log" in line
    assert "No space left on device" in line
