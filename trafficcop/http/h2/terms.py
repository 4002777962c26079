"""What one side of a connection announces and keeps to: the same for all connections of an entry point or a pool."""

from __future__ import annotations

from typing import Final

from trafficcop.http.h2 import frames

# What we take of one stream before its reader has read any of it, and of all streams of a connection together: a
# reader who stops must not stop the others. Half of it would make an upload stall, and cost half as much again.
STREAM_WINDOW: Final = 1024 * 1024
CONNECTION_WINDOW: Final = 2048 * 1024
# A connection to a server is shared by clients that know nothing of one another. Some who read slowly must not stop the
# others, so there is no limit but that of each stream (net/http does it so too).
SHARED_WINDOW: Final = 1 << 30


class Terms:
    """`opening`: the bytes that we send first.

    `header_limit`: the size of a field section that is accepted; `max_streams`: how many streams the other side may
    have open at once; `window`: how much it may have sent that nobody has read.
    """

    __slots__ = ("decoder_table", "encoder_table", "header_limit", "is_client", "max_streams", "opening", "window")

    def __init__(
        self,
        *,
        is_client: bool,
        max_streams: int = 250,
        header_limit: int = 1024 * 1024,
        decoder_table: int = 4096,
        encoder_table: int = 4096,
    ) -> None:
        self.is_client = is_client
        self.max_streams = max_streams
        self.header_limit = header_limit
        self.window = SHARED_WINDOW if is_client else CONNECTION_WINDOW
        self.decoder_table = decoder_table
        self.encoder_table = encoder_table
        settings = {
            frames.HEADER_TABLE_SIZE: decoder_table,
            frames.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            frames.MAX_HEADER_LIST_SIZE: header_limit,
        }
        if is_client:
            settings[frames.ENABLE_PUSH] = 0
        else:
            settings[frames.MAX_CONCURRENT_STREAMS] = max_streams
            settings[frames.ENABLE_CONNECT_PROTOCOL] = 1
        self.opening = (
            (frames.PREFACE if is_client else b"")
            + frames.settings_frame(settings)
            + frames.window_update_frame(0, self.window - frames.DEFAULT_WINDOW)
        )
