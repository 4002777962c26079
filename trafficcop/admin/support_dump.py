"""`/api/support-dump`: what helps others to help, in one archive, without names, addresses and credentials."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from collections.abc import Mapping


def archive(members: Mapping[str, bytes]) -> bytes:
    """A `.tar.gz` of the given files."""
    now = int(time.time())
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=now) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, now
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
