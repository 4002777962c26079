from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.tls.store import CertificateStore


def store(*keys: str) -> CertificateStore[str]:
    return CertificateStore([(tuple(key.split(",")), key) for key in keys], None)


# certificates by their names, a server name, the certificate it gets
CHOICES = [
    (("a.example.com",), "a.example.com", "a.example.com"),
    (("a.example.com",), "b.example.com", None),
    (("*.example.com",), "b.example.com", "*.example.com"),
    (("*.example.com",), "c.b.example.com", None),
    (("*.example.com",), "example.com", None),
    (("*",), "localhost", "*"),
    (("*",), "a.b", None),
    # Keys are tried in descending order: letters come before the star.
    (("*.example.com", "a.example.com"), "a.example.com", "a.example.com"),
    (("*.example.com", "a.example.com,z.example.com"), "z.example.com", "a.example.com,z.example.com"),
    # A key that begins with a star is tried last, whatever else is in it.
    (("*.example.com,a.example.com", "b.example.com,*.example.com"), "a.example.com", "b.example.com,*.example.com"),
    (("*.example.com.",), "a.example.com", "*.example.com."),
    (("a.example.com.",), "a.example.com", None),
    (("127.0.0.1",), "127.0.0.1", "127.0.0.1"),
    (("::1",), "::1", "::1"),
    ((), "a.example.com", None),
]


@pytest.mark.parametrize(("keys", "name", "wanted"), CHOICES)
def test_choice(keys: tuple[str, ...], name: str, wanted: str | None) -> None:
    found = store(*keys).find(name)
    assert found == wanted if wanted is None else set(str(found).split(",")) == set(wanted.split(","))


def test_the_first_of_two_with_the_same_names_is_taken() -> None:
    names = ("b.example.com", "a.example.com")
    assert CertificateStore([(names, 1), (names[::-1], 2)], None).find("a.example.com") == 1


def slow(keys: list[str], name: str) -> str | None:
    """The rule as it is written."""
    starred = ".".join(["*", *name.split(".")[1:]])
    for key in sorted(keys, reverse=True):
        for one in key.split(","):
            if one == name or one.rstrip(".") == starred:
                return key
    return None


LABEL = st.sampled_from(["a", "b", "*"])
NAME = st.lists(LABEL, min_size=1, max_size=3).map(".".join)
KEY = st.lists(NAME, min_size=1, max_size=3).map(lambda names: ",".join(sorted(names)))


@given(st.lists(KEY, max_size=6), NAME)
def test_dictionaries_say_what_the_rule_says(keys: list[str], name: str) -> None:
    assert store(*keys).find(name) == slow(keys, name)
