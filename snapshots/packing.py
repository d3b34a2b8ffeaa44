"""A month of a page's captures in one small value, and back, byte for byte. Pure.

Column by column, because a column repeats itself: times as differences, byte plane by byte plane;
body hashes once each; and of the exchanges only what is new, as times inside them (`Date:` and the
like) become distances from the capture's own, the first of each look in one column, the second in
another. zstd does the rest.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cached_property
from itertools import accumulate
from typing import Any, Final

from monitor.model import short_id

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_LEVEL: Final = 15
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NEAR: Final = timedelta(hours=2)
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Capture:
    """One look at a page, as kept. Its id is made from page, time and what came.

    `body` is a hexadecimal SHA-256; on a 304 (`again`) that of what it repeats. `exchange` is the
    canonical JSON of every hop, "" where there was none (a file).
    """

    page: str
    at: datetime
    came: str
    body: str | None
    failure: str | None
    failure_text: str | None
    failure_detail: str | None
    content_type: str | None
    final_url: str | None
    exchange: str
    source: str

    @property
    def id(self) -> str:
        return short_id("k", [self.page, self.at.isoformat(), self.body or self.failure])

    @property
    def key(self) -> tuple[datetime, str]:
        """What captures of a page are sorted by."""
        return (self.at, self.id)


def microseconds(moment: datetime) -> int:
    """A moment as packs count it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds_since: int) -> datetime:
    """The moment that a pack's number says."""
    return _EPOCH + microseconds_since * _MICROSECOND


def pack(captures: Sequence[Capture]) -> bytes:
    """Captures of ONE page, at least one, in order of time."""
    shapes: dict[tuple[str | None, ...], int] = {}
    hashes: dict[str | None, int] = {}
    templates: dict[str, int] = {}
    slots: list[list[int]] = []
    rows = []
    for capture in captures:
        template, far = _without_times(capture.exchange, capture.at)
        slots += ([] for _ in range(len(far) - len(slots)))
        for slot, distance in zip(slots, far, strict=False):
            slot.append(distance)
        rows.append(
            (
                shapes.setdefault(_shape(capture), len(shapes)),
                hashes.setdefault(capture.body, len(hashes)),
                templates.setdefault(template, len(templates)),
            )
        )
    times = [microseconds(capture.at) for capture in captures]
    steps = [after - before for before, after in zip([0, *times], times, strict=False)]
    known = [name for name in hashes if name is not None]
    by_shape, by_body, by_template = zip(*rows, strict=True)
    glance = {
        "format": _FORMAT,
        "page": captures[0].page,
        "looks": len(captures),
        "shapes": list(shapes),
        "bodies": len(known),
        "nothing": hashes.get(None),
    }
    names = b"".join(bytes.fromhex(name) for name in known)
    exchanges = {"templates": list(templates), "slots": [len(slot) for slot in slots]}
    first = _frame(glance, names, *map(_planes, (steps, by_shape, by_body)))
    second = _frame(exchanges, *map(_planes, (by_template, *slots)))
    return struct.pack("<I", len(first)) + first + second


def _frame(head: Mapping[str, Any], *blocks: bytes) -> bytes:
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    return zstd.compress(b"".join((struct.pack("<I", len(text)), text, *blocks)), level=_LEVEL)


class _Frame:
    """One frame of a pack, read block by block. Raises ValueError where it is torn."""

    def __init__(self, data: bytes) -> None:
        try:
            self._plain = zstd.decompress(data)
            (length,) = struct.unpack_from("<I", self._plain)
            self.head = json.loads(self._plain[4 : 4 + length])
        except (zstd.ZstdError, EOFError, struct.error, ValueError) as error:
            raise ValueError("a torn pack of captures") from error
        self._place = 4 + length

    def take(self, size: int) -> bytes:
        """The next bytes."""
        self._place += size
        return self._plain[self._place - size : self._place]

    def numbers(self, count: int) -> list[int]:
        """The next column."""
        return _unplanes(self.take(8 * count))


class Pack:
    """A pack opened: times at once, captures only as they are asked for. Never changes.

    Raises ValueError where the bytes are torn, or in a format of a newer program.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < 4:
            raise ValueError("a torn pack of captures")
        (length,) = struct.unpack_from("<I", data)
        frame = _Frame(data[4 : 4 + length])
        self._exchanges_packed = data[4 + length :]
        self._head = frame.head
        if frame.head["format"] != _FORMAT:
            raise ValueError("a pack of captures in a newer format")
        hashes: list[bytes | None] = [frame.take(32) for _ in range(frame.head["bodies"])]
        if frame.head["nothing"] is not None:
            hashes.insert(frame.head["nothing"], None)
        self._hashes = hashes
        looks = frame.head["looks"]
        self.times = list(accumulate(frame.numbers(looks)))
        """When each look was, in microseconds since 1970."""
        self._shapes = frame.numbers(looks)
        self._names = frame.numbers(looks)

    def __len__(self) -> int:
        return len(self.times)

    def body(self, index: int) -> bytes | None:
        """The hash of a look's body."""
        return self._hashes[self._names[index]]

    def failed(self, index: int) -> bool:
        """Whether no whole page came."""
        return bool(self._head["shapes"][self._shapes[index]][0] == "failure")

    def capture(self, index: int, *, exchange: bool = True) -> Capture:
        """One capture, on request without its exchange: quicker."""
        at = _EPOCH + self.times[index] * _MICROSECOND
        body = self.body(index)
        came, failure, text, detail, content_type, final_url, source = self._head["shapes"][
            self._shapes[index]
        ]
        return Capture(
            self._head["page"],
            at,
            came,
            None if body is None else body.hex(),
            failure,
            text,
            detail,
            content_type,
            final_url,
            self._exchange(index, at) if exchange else "",
            source,
        )

    def captures(self) -> Iterator[Capture]:
        """Every capture, whole, in order."""
        return (self.capture(index) for index in range(len(self)))

    def _exchange(self, index: int, at: datetime) -> str:
        template, distances = self._exchanges[index]
        return _with_times(template, at, distances)

    @cached_property
    def _exchanges(self) -> list[tuple[str, list[int]]]:
        """Each look's template and distances: the first of every look from the first slot, …"""
        frame = _Frame(self._exchanges_packed)
        templates = frame.head["templates"]
        marks = [template.count("\x01") for template in templates]
        by_look = frame.numbers(len(self))
        slots = [iter(frame.numbers(count)) for count in frame.head["slots"]]
        return [
            (templates[template], [next(slot) for slot in slots[: marks[template]]])
            for template in by_look
        ]


def _shape(capture: Capture) -> tuple[str | None, ...]:
    return (
        capture.came,
        capture.failure,
        capture.failure_text,
        capture.failure_detail,
        capture.content_type,
        capture.final_url,
        capture.source,
    )


# ---------------------------------------------------------------------------- times in exchanges

_TIMES: Final = re.compile(
    r"(?P<http>[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT)"
    r"|(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?(?:Z|\+00:00))"
)
_MARK: Final = re.compile("\x01([hzo])")
"""Stands for a time in a template; JSON has no bare control characters. h: HTTP, z/o: ISO."""


def _without_times(exchange: str, at: datetime) -> tuple[str, list[int]]:
    """The text with each time near `at` replaced by a mark, and their distances, in order."""
    distances: list[int] = []

    def mark(found: re.Match[str]) -> str:
        text = found.group()
        style = "h" if found["http"] else text[-1].replace("0", "o").lower()
        moment = _read(text, style)
        if moment is None or abs(moment - at) > _NEAR or _written(moment, style) != text:
            return text
        base = at.replace(microsecond=0) if style == "h" else at
        unit = timedelta(seconds=1) if style == "h" else _MICROSECOND
        distances.append((moment - base) // unit)
        return f"\x01{style}"

    return _TIMES.sub(mark, exchange), distances


def _with_times(template: str, at: datetime, distances: Iterable[int]) -> str:
    far = iter(distances)

    def write(found: re.Match[str]) -> str:
        style = found[1]
        base = at.replace(microsecond=0) if style == "h" else at
        unit = timedelta(seconds=1) if style == "h" else _MICROSECOND
        return _written(base + next(far) * unit, style)

    return _MARK.sub(write, template)


def _read(text: str, style: str) -> datetime | None:
    try:
        if style == "h":
            moment = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT")  # noqa: DTZ007
            return moment.replace(tzinfo=UTC)
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def _written(moment: datetime, style: str) -> str:
    if style == "h":
        return format_datetime(moment, usegmt=True)
    text = moment.isoformat()
    return text.replace("+00:00", "Z") if style == "z" else text


# ---------------------------------------------------------------------------------------- numbers


def _planes(numbers: Sequence[Any]) -> bytes:
    """Whole numbers as eight bytes each, all first bytes first: like stands beside like."""
    flat = struct.pack(f"<{len(numbers)}q", *numbers)
    return b"".join(flat[plane::8] for plane in range(8))


def _unplanes(data: bytes) -> list[int]:
    count = len(data) // 8
    flat = bytearray(len(data))
    for plane in range(8):
        flat[plane::8] = data[plane * count : (plane + 1) * count]
    return list(struct.unpack(f"<{count}q", bytes(flat)))
