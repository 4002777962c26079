"""What can go wrong on an HTTP/2 connection: the error codes (RFC 9113 §7), and the two reaches of an error."""

from __future__ import annotations

from typing import Final

NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
INTERNAL_ERROR: Final = 0x2
FLOW_CONTROL_ERROR: Final = 0x3
SETTINGS_TIMEOUT: Final = 0x4
STREAM_CLOSED: Final = 0x5
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
COMPRESSION_ERROR: Final = 0x9
CONNECT_ERROR: Final = 0xA
ENHANCE_YOUR_CALM: Final = 0xB
INADEQUATE_SECURITY: Final = 0xC
HTTP_1_1_REQUIRED: Final = 0xD

_NAMES: Final = {value: name for name, value in dict(globals()).items() if name.isupper() and isinstance(value, int)}


def code_name(code: int) -> str:
    return _NAMES.get(code, f"{code:#x}")


class ConnectionFault(Exception):
    """The connection cannot go on (RFC 9113 §5.4.1): it ends with a GOAWAY of this code."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code_name(code)}: {detail}")
        self.code = code
        self.detail = detail


class StreamFault(Exception):
    """One stream cannot go on (RFC 9113 §5.4.2): it ends with a RST_STREAM of this code."""

    def __init__(self, stream_id: int, code: int, detail: str) -> None:
        super().__init__(f"{code_name(code)}: {detail}")
        self.stream_id = stream_id
        self.code = code
        self.detail = detail
