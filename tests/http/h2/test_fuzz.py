"""A short run of the fuzzer: always the same inputs."""

from fuzz.fuzz_h2 import run


def test_fuzz() -> None:
    assert run(lambda count: count < 3000, seed=1) == 3000
