"""The picture of numbers over time, as eyes and image programs see it."""

from __future__ import annotations

import struct
import zlib

import pytest

from presentation.charts import HEIGHT, WIDTH, steps_png

CLEAR, TINT, LINE = range(3)


def pixels(png: bytes) -> list[bytes]:
    """The rows of palette indices, by the format's own rules: every chunk whole."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + size]
        (check,) = struct.unpack(">I", png[at + 8 + size : at + 12 + size])
        assert check == zlib.crc32(body)
        chunks[body[:4]] = body[4:]
        at += 12 + size
    assert list(chunks) == [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    data = zlib.decompress(chunks[b"IDAT"])
    rows = [data[y * (WIDTH + 1) : (y + 1) * (WIDTH + 1)] for y in range(HEIGHT)]
    assert all(row[0] == 0 and len(row) == WIDTH + 1 for row in rows)
    return [row[1:] for row in rows]


def level(rows: list[bytes], x: int) -> int:
    """The middle of the line at a column."""
    line = [y for y in range(HEIGHT) if rows[y][x] == LINE]
    return (line[0] + line[-1]) // 2


def test_more_is_higher_and_what_lies_below_is_tinted() -> None:
    rows = pixels(steps_png([10, 30, 20, 20]))
    first, second, third = (level(rows, x) for x in (60, 180, 300))
    assert second < third < first
    assert rows[second - 5][180] == CLEAR
    assert rows[HEIGHT - 1][180] == TINT


def test_a_step_is_joined_and_the_last_number_has_a_dot() -> None:
    rows = pixels(steps_png([1, 9]))
    joined = [y for y in range(HEIGHT) if rows[y][WIDTH // 2] == LINE]
    assert joined == list(range(joined[0], joined[-1] + 1))
    assert len(joined) > HEIGHT // 2
    assert sum(rows[y][WIDTH - 9] == LINE for y in range(HEIGHT)) > 10


@pytest.mark.parametrize("numbers", [[0], [5, 5, 5], [0, 0], [1000, 1000], list(range(61))])
def test_the_line_is_always_inside_the_picture(numbers: list[int]) -> None:
    rows = pixels(steps_png(numbers))
    assert all(any(row[x] == LINE for row in rows) for x in range(WIDTH - 9))
    assert not any(LINE in row for row in (rows[0], rows[-1]))


def test_one_more_of_many_is_no_landslide() -> None:
    rows = pixels(steps_png([64, 65]))
    assert level(rows, 60) - level(rows, 300) < HEIGHT / 4
