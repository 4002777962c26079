"""A worker that has no descriptor left says so."""

from __future__ import annotations

import errno
import os

import pytest

from trafficcop.worker.descriptors import SpareDescriptor


def test_a_full_table_is_told_once_in_a_while(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    def full(_: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    spare = SpareDescriptor()
    spare.on_deadline()
    assert caplog.messages == []
    monkeypatch.setattr(os, "dup", full)
    spare.on_deadline()
    spare.on_deadline()
    (told,) = caplog.messages
    assert told.startswith("cannot open more files (Too many open files; this process may have ")


def test_what_it_opens_it_closes():
    spare = SpareDescriptor()
    before = os.listdir("/proc/self/fd")
    spare.on_deadline()
    assert os.listdir("/proc/self/fd") == before
    assert spare.deadline > 0
