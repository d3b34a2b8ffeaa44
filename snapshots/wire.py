"""The bytes of an answer as they came over the wire, kept small without losing one. Pure.

A page that came plain is its own body. One that came packed (gzip, deflate) can nearly always be
packed again to the very same bytes: then it is enough to know how. Whoever packs again checks the
hash, since another machine's zlib may pack otherwise; the page itself never depends on it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LEVELS: Final = (6, 1, 9, 5, 4, 2, 3, 7, 8)
_MEMORY_LEVELS: Final = (8, 9)
_FIRST: Final = 65_536
"""Bytes packed first: most ways of packing differ within them."""


@dataclass(frozen=True, slots=True)
class Repacking:
    """How to pack a page to the bytes that came: `head` + raw deflate + `tail`, both hex."""

    level: int
    memory_level: int
    head: str
    tail: str
    sha256: str


def repacking(wire: bytes, page: bytes) -> Repacking | None:
    """How `wire` is had from `page`; None where it can't be had by any known way."""
    for head, tail in _frames(wire, page):
        deflated = wire[len(head) : len(wire) - len(tail)]
        for memory_level in _MEMORY_LEVELS:
            for level in _LEVELS:
                if _deflates_to(page, deflated, level, memory_level):
                    digest = hashlib.sha256(wire).hexdigest()
                    return Repacking(level, memory_level, head.hex(), tail.hex(), digest)
    return None


def packed_again(page: bytes, how: Repacking) -> bytes | None:
    """The bytes that came; None where this machine's zlib packs otherwise."""
    packer = zlib.compressobj(how.level, zlib.DEFLATED, -15, how.memory_level)
    deflated = packer.compress(page) + packer.flush()
    wire = bytes.fromhex(how.head) + deflated + bytes.fromhex(how.tail)
    return wire if hashlib.sha256(wire).hexdigest() == how.sha256 else None


def _frames(wire: bytes, page: bytes) -> Iterator[tuple[bytes, bytes]]:
    """What may stand around the raw deflate stream: RFC 1952 (gzip), RFC 1950, nothing."""
    if wire[:4] == b"\x1f\x8b\x08\x00":
        ending = zlib.crc32(page).to_bytes(4, "little")
        ending += (len(page) & 0xFFFFFFFF).to_bytes(4, "little")
        if wire.endswith(ending):
            yield wire[:10], ending
    elif len(wire) > 6 and wire[0] & 0x0F == 8 and int.from_bytes(wire[:2], "big") % 31 == 0:
        ending = zlib.adler32(page).to_bytes(4, "big")
        if wire.endswith(ending):
            yield wire[:2], ending
    elif wire:
        yield b"", b""


def _deflates_to(page: bytes, deflated: bytes, level: int, memory_level: int) -> bool:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, memory_level)
    start = packer.compress(page[:_FIRST])
    if not deflated.startswith(start):
        return False
    return start + packer.compress(page[_FIRST:]) + packer.flush() == deflated
