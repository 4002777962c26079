"""A short run of the fuzzer: always the same inputs."""

import random

import pytest

from fuzz.driver import drive
from fuzz.fuzz_h1 import run


def test_a_short_run() -> None:
    assert run(lambda count: count < 1500, seed=1) == 1500


def test_what_is_found_can_be_found_again() -> None:
    def check(chance: random.Random) -> None:
        if chance.random() < 0.1:
            raise ValueError

    with pytest.raises(ValueError) as found:
        drive(check, lambda count: count < 1000, 7)
    (note,) = found.value.__notes__
    name = note.removeprefix("found with random.Random('").removesuffix("')")
    assert random.Random(name).random() < 0.1
