"""A short run of the fuzzer: always the same inputs."""

from fuzz.fuzz_h1 import run


def test_a_short_run() -> None:
    assert run(lambda count: count < 1500, seed=1) == 1500
