"""Pictures where people would rather look: how many initiatives had a status, over time. Pure.

A picture holds a line and no words: they stand beside it as text, which grows with the reader's,
changes colour with their screen, and is read aloud. Its colours are seen on white and on dark. Why
it is drawn here, with zlib alone: docs/decisions/0004-pictures-without-words.md.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from math import isqrt
from typing import Final

WIDTH, HEIGHT = 480, 72
"""In pixels; shown at half that size, sharp on fine screens."""
_MARGIN: Final = 10
_THICK: Final = 4
_DOT: Final = 8
_CLEAR, _TINT, _LINE = range(3)
_COLOURS: Final = ((255, 255, 255, 0), (0x1C, 0x8C, 0x7E, 56), (0x1C, 0x8C, 0x7E, 255))
"""The line has 4.1:1 against the mail's white and against its dark (WCAG asks 3:1 of graphics)."""
_LEAST_SPAN: Final = 4


def steps_png(numbers: Sequence[int]) -> bytes:
    """A PNG of the numbers as steps, evenly spaced, the last one marked by a dot.

    The scale is their own, and spans four at least, or a tenth of the highest: a change of one must
    not look like a landslide.
    """
    low, high = _scale(numbers)
    floor = HEIGHT - _MARGIN
    room = HEIGHT - 2 * _MARGIN
    levels = [floor - round((number - low) / (high - low) * room) for number in numbers]
    heights = [levels[x * len(levels) // WIDTH] for x in range(WIDTH)]
    columns = [_column(here, before) for before, here in pairwise([heights[0], *heights])]
    _mark_end(columns, heights[-1])
    pixels = b"".join(columns)
    return _png(pixels[y::HEIGHT] for y in range(HEIGHT))


def _scale(numbers: Sequence[int]) -> tuple[float, float]:
    low, high = min(numbers), max(numbers)
    missing = max(_LEAST_SPAN, high / 10) - (high - low)
    if missing <= 0:
        return low, high
    bottom = max(0.0, low - missing / 2)
    return bottom, high + missing - (low - bottom)


@lru_cache(maxsize=256)
def _column(here: int, before: int) -> bytes:
    """One column of pixels: the line at `here`, down or up from `before`, tinted below."""
    top = _THICK // 2
    column = bytearray([_CLEAR]) * HEIGHT
    column[here:] = bytes([_TINT]) * (HEIGHT - here)
    start, end = min(here, before) - top, max(here, before) + top
    column[start:end] = bytes([_LINE]) * (end - start)
    return bytes(column)


def _mark_end(columns: list[bytes], level: int) -> None:
    middle = WIDTH - _DOT - 1
    for x in range(middle - _DOT, WIDTH):
        half = isqrt(_DOT**2 - (x - middle) ** 2)
        dot = bytes([_LINE]) * (2 * half + 1)
        beside = columns[x] if x <= middle else bytes([_CLEAR]) * HEIGHT  # nothing goes on there
        columns[x] = beside[: level - half] + dot + beside[level + half + 1 :]


def _png(rows: Iterator[bytes]) -> bytes:
    """Rows of palette indices as a PNG (W3C recommendation, third edition, 2025)."""
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    palette = b"".join(bytes(colour[:3]) for colour in _COLOURS)
    alphas = bytes(colour[3] for colour in _COLOURS)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"tRNS", alphas), (b"IDAT", pixels))
    written = b"".join(_chunk(name, data) for name, data in (*chunks, (b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + written


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
