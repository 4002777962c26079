"""Metrics of a whole instance: sums over its workers that never fall, whoever dies."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.process.conftest import Start
from tests.process.instance import Instance, free_port, get, until


def begin(start: Start, workers: int, directory: Path) -> tuple[Instance, int]:
    """An instance with metrics, and the port to scrape."""
    port = free_port()
    instance = start(
        workers=workers,
        environ={"XDG_RUNTIME_DIR": str(directory)},
        entry_points=f"  traefik: {{address: '127.0.0.1:{port}'}}",
        more="metrics: {prometheus: {addRoutersLabels: true}}",
    )
    until(lambda: "Serving" in instance.log(), "serving")
    until(lambda: scrape(port).get("traefik_config_reloads_total") == 1, "the first plan")
    return instance, port


def scrape(port: int) -> dict[str, float]:
    """The sum of each name."""
    try:
        status, body = get(port, "/metrics")
    except ConnectionError:
        return {}
    if status != 200:
        return {}
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    return sums


def requests(port: int) -> float:
    return scrape(port).get("traefik_router_requests_total", 0)


def test_workers_are_summed_and_a_killed_one_stays_counted(start: Start, port: int, tmp_path: Path) -> None:
    instance, metrics = begin(start, 2, tmp_path)
    for _ in range(20):
        assert get(port)[0] == 200
    assert requests(metrics) == 20
    counted = 20.0
    for worker in ("w0", "w1"):
        os.kill(instance.children()[worker], signal.SIGKILL)
        counted = settled(instance, port, metrics, least=counted)
    assert get(port)[0] == 200
    until(lambda: requests(metrics) == counted + 1, "one more")


def settled(instance: Instance, port: int, metrics: int, least: float) -> float:
    """What is counted once all workers serve; it never was less than before."""
    until(lambda: len(instance.children()) == 3, "three processes")
    for _ in range(20):  # the kernel deals them out to both
        assert requests(metrics) >= least
        assert get(port)[0] == 200
        least += 1
    assert requests(metrics) == least
    return least


def saved(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.glob("trafficcop-*/counts"))


def test_control_is_killed(start: Start, port: int, tmp_path: Path) -> None:
    instance, metrics = begin(start, 2, tmp_path)
    for _ in range(10):
        get(port)
    assert requests(metrics) == 10
    os.kill(instance.children()["w0"], signal.SIGKILL)
    counted = settled(instance, port, metrics, least=10)
    until(lambda: b"all@file" in saved(tmp_path), "what the dead worker had counted is saved")
    os.kill(instance.children()["ctl"], signal.SIGKILL)
    until(lambda: scrape(metrics).get("traefik_config_reloads_total") == 2, "another control")
    until(lambda: requests(metrics) == counted, "everything is there again")


def test_pushed_counters_have_every_request_once(start: Start, port: int, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        address = f"127.0.0.1:{receiver.getsockname()[1]}"
        more = f"metrics: {{statsD: {{address: '{address}', pushInterval: 200ms, addRoutersLabels: true}}}}"
        instance = start(workers=2, environ={"XDG_RUNTIME_DIR": str(tmp_path)}, more=more)
        until(lambda: "Serving" in instance.log(), "serving")
        until(lambda: get(port)[0] == 200, "the first plan")
        told = 0.0

        def sum_is(wanted: float) -> bool:
            nonlocal told
            told += sum(received(receiver, "traefik.router.request.total"))
            assert told <= wanted
            return told == wanted

        kill_after_ten(instance, port, "w0", lambda: sum_is(11))
        kill_after_ten(instance, port, "ctl", lambda: sum_is(21))
        received(receiver, GAUGE)  # what the former control process had to say
        gauges: list[float] = []
        until(lambda: bool(gauges.extend(received(receiver, GAUGE)) or gauges), "the next control process tells")
        for _ in range(5):
            assert get(port)[0] == 200
        until(lambda: sum_is(26), "nothing twice")


def kill_after_ten(instance: Instance, port: int, victim: str, is_told: Callable[[], bool]) -> None:
    for _ in range(10):
        assert get(port)[0] == 200
    until(is_told, "all of them are told")
    before = instance.children()[victim]
    os.kill(before, signal.SIGKILL)
    until(lambda: instance.children().get(victim, before) != before, "another one")


GAUGE = "traefik.config.reload.lastSuccessTimestamp"


def received(sock: socket.socket, name: str) -> list[float]:
    """The values of lines that have come."""
    found: list[float] = []
    while True:
        try:
            lines = sock.recv(65536).decode().splitlines()
        except BlockingIOError:
            return found
        found += [float(line.partition(":")[2].partition("|")[0]) for line in lines if line.startswith(f"{name}:")]


def test_one_process(start: Start, port: int, tmp_path: Path) -> None:
    _, metrics = begin(start, 0, tmp_path)
    for _ in range(3):
        get(port)
    sums = scrape(metrics)
    assert sums["traefik_service_requests_total"] == 3
    assert sums["process_cpu_seconds_total"] > 0
    assert sums["process_resident_memory_bytes"] > 1e6
