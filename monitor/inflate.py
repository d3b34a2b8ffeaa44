"""Content-Encoding undone within bounds. Pure: wire bytes in, decoded bytes out.

Only what was asked for (gzip, deflate) is decoded, one layer of it, in small steps: no step can
hand out more than `_STEP_BYTES`, whatever the ratio of the bomb.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

_STEP_BYTES = 65_536
_MOST_MEMBERS = 64

ACCEPTED = "gzip, deflate"
"""What a request's Accept-Encoding says."""


class UndecodableError(Exception):
    """`code` is one of stacked_encodings, unknown_encoding, decoded_too_large, cut_body,
    bad_encoding."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def encoding_of(values: Sequence[str]) -> str:
    """The one encoding that a message's Content-Encoding fields name; "" for none.

    Raises UndecodableError for several, and for one that was not asked for.
    """
    tokens = [token.strip().lower() for value in values for token in value.split(",")]
    tokens = [token for token in tokens if token]
    if len(tokens) > 1:
        raise UndecodableError("stacked_encodings", "är packad i flera lager")
    if not tokens or tokens[0] == "identity":
        return ""
    if tokens[0] in ("gzip", "x-gzip"):
        return "gzip"
    if tokens[0] == "deflate":
        return "deflate"
    raise UndecodableError(
        "unknown_encoding", f"är packad som {tokens[0][:40]!r}, som inte begärts"
    )


def decode(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The decoded bytes, `max_bytes` at most. `encoding` as `encoding_of` gave it.

    Raises UndecodableError (decoded_too_large, cut_body, bad_encoding).
    """
    if not encoding:
        return body
    if not body:
        return b""
    out = bytearray()
    rest = body
    window = 31 if encoding == "gzip" else (15 if _is_zlib(body) else -15)
    for _ in range(_MOST_MEMBERS):
        unpacker = zlib.decompressobj(window)
        try:
            while rest and not unpacker.eof:
                out += unpacker.decompress(rest, _STEP_BYTES)
                rest = unpacker.unconsumed_tail
                if len(out) > max_bytes:
                    raise UndecodableError("decoded_too_large", "är större uppackad än max_bytes")
            while not unpacker.eof:
                more = unpacker.decompress(b"", _STEP_BYTES)
                out += more
                if len(out) > max_bytes:
                    raise UndecodableError("decoded_too_large", "är större uppackad än max_bytes")
                if not more:
                    break
        except zlib.error:
            raise UndecodableError("bad_encoding", "går inte att packa upp") from None
        if not unpacker.eof:
            raise UndecodableError("cut_body", "är avbruten mitt i det packade")
        rest = unpacker.unused_data
        if not rest.strip(b"\0"):
            return bytes(out)
        if encoding != "gzip":
            break
    raise UndecodableError("bad_encoding", "har främmande bytes efter det packade")


def _is_zlib(body: bytes) -> bool:
    """Whether «deflate» came with its zlib frame (RFC 1950), as it should, or bare."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
