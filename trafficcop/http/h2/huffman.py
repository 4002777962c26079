"""The Huffman code of HPACK (RFC 7541 §5.2, Appendix B), decoded a byte at a time.

The code is canonical, so the symbols of each length are all there is to say about it. Decoding is a state machine: a
state is a prefix of a code that has been read, and a table says for each state and byte which symbols come out and
where that leads. The table has 65,536 entries; each is worked out when it is needed first.
"""

from __future__ import annotations

from array import array
from typing import Final

# Length of the code → its symbols, in order. The last code, EOS, is never sent.
_SYMBOLS: Final[dict[int, bytes]] = {
    5: b"012aceiost",
    6: b" %-./3456789=A_bdfghlmnpru",
    7: b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: b"&*,;XZ",
    10: b'!"()?',
    11: b"'+|",
    12: b"#>",
    13: b"\x00$@[]~",
    14: b"^}",
    15: b"<`{",
    19: bytes.fromhex("5cc3d0"),
    20: bytes.fromhex("808283a2b8c2e0e2"),
    21: bytes.fromhex("99a1a7acb0b1b3d1d8d9e3e5e6"),
    22: bytes.fromhex("8184858688929a9ca0a3a4a9aaadb2b5b9babbbdbec4c6e4e8e9"),
    23: bytes.fromhex("0187898a8b8c8d8f93959697989b9d9ea5a6a8aeafb4b6b7bcbfc5e7ef"),
    24: bytes.fromhex("098e9091949fabced7e1eced"),
    25: bytes.fromhex("c7cfeaeb"),
    26: bytes.fromhex("c0c1c8c9cacdd2d5dadbeef0f2f3ff"),
    27: bytes.fromhex("cbccd3d4d6dddedff1f4f5f6f7f8fafbfcfdfe"),
    28: bytes.fromhex("020304050607080b0c0e0f1011121314151718191a1b1c1d1e1f7fdcf9"),
    30: bytes.fromhex("0a0d16"),
}
_EOS: Final = 256


def _codes() -> list[tuple[int, int]]:
    """Code and length of each symbol, EOS last."""
    found: dict[int, tuple[int, int]] = {}
    code = previous = 0
    for length, symbols in _SYMBOLS.items():
        code <<= length - previous
        previous = length
        for symbol in symbols:
            found[symbol] = (code, length)
            code += 1
    found[_EOS] = (code, previous)
    return [found[symbol] for symbol in range(_EOS + 1)]


CODES: Final = _codes()
_BITS: Final = ["".join("01"[code >> place & 1] for place in range(length - 1, -1, -1)) for code, length in CODES]
# A prefix, with a leading 1 to keep its length → the symbol that it is.
_ENDS: Final = {1 << length | code: symbol for symbol, (code, length) in enumerate(CODES)}
# Prefixes that are no symbol yet, numbered: these are the states. 0 is the empty one.
_PREFIXES: Final = sorted({1 << place | code >> (length - place) for code, length in CODES for place in range(length)})
_STATES: Final = {prefix: state for state, prefix in enumerate(_PREFIXES)}
# RFC 7541 §5.2: what is left at the end is less than 8 bits of EOS, which are all ones.
_IS_END: Final = [prefix < 256 and prefix & (prefix + 1) == 0 for prefix in _PREFIXES]

# An entry: the next state, the number of symbols (at most two), and the symbols, 8 bits each; 0 while it is unknown.
_KNOWN: Final = 1 << 31
_INVALID: Final = _KNOWN | 3 << 24
_table = array("I", bytes(4 * 256 * 256))


def _learn(state: int, byte: int) -> int:
    """Work out one entry, bit by bit."""
    prefix = _PREFIXES[state]
    count = symbols = 0
    for place in range(7, -1, -1):
        prefix = prefix << 1 | byte >> place & 1
        symbol = _ENDS.get(prefix)
        if symbol == _EOS:
            _table[state << 8 | byte] = _INVALID
            return _INVALID
        if symbol is not None:
            symbols = symbols << 8 | symbol
            count += 1
            prefix = 1
    entry = _KNOWN | count << 24 | _STATES[prefix] << 16 | symbols
    _table[state << 8 | byte] = entry
    return entry


def decode_huffman(data: bytes) -> bytes | None:
    """The string, or None when that is no valid code."""
    table = _table
    decoded = bytearray()
    append = decoded.append
    state = 0
    for byte in data:
        entry = table[state << 8 | byte] or _learn(state, byte)
        count = entry >> 24 & 3
        if count == 1:
            append(entry & 255)
        elif count == 2:
            append(entry >> 8 & 255)
            append(entry & 255)
        elif count == 3:
            return None
        state = entry >> 16 & 255
    return bytes(decoded) if _IS_END[state] else None


def encode_huffman(data: bytes) -> bytes:
    """The code of a string, filled up with ones."""
    bits = "".join([_BITS[byte] for byte in data])
    size = (len(bits) + 7) // 8
    return int(bits.ljust(size * 8, "1") or "0", 2).to_bytes(size, "big")
