"""Pictures where people would rather look: how many initiatives in each status over time. Pure.

The picture is SVG that stands alone: it names itself, says its figures in a description that screen
readers read, and tells its lines apart by dashes and labels, not by colour alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from xml.sax.saxutils import escape

from presentation.language import Language

WIDTH, HEIGHT = 640, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 150, 24, 36
_LINES = (
    ("#0b5b52", ""),
    ("#8a4b00", "8 4"),
    ("#3b4cb8", "2 3"),
    ("#8c1d5a", "10 3 2 3"),
    ("#444c55", "4 4"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """How many initiatives had each status from `at` on."""

    at: datetime
    counts: Mapping[str | None, int]


def status_chart(
    points: Sequence[Point], until: datetime, title: str, words: Language, zone: tzinfo
) -> str:
    """An SVG of steps, one line for each status, in the order in which the newest point has them.

    `points` in order of time, at least one; the last holds until `until`.
    """
    statuses = list(points[-1].counts)
    statuses += [one for point in points for one in point.counts if one not in statuses]
    statuses = list(dict.fromkeys(statuses))
    highest = max((n for point in points for n in point.counts.values()), default=0) or 1
    top = _round_up(highest)
    start, end = points[0].at, max(until, points[-1].at)
    seconds = (end - start).total_seconds() or 1.0

    def x(moment: datetime) -> float:
        share = (moment - start).total_seconds() / seconds
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def y(number: float) -> float:
        return round(HEIGHT - _BOTTOM - number / top * (HEIGHT - _TOP - _BOTTOM), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-labelledby="chart-title chart-text" font-family="system-ui, sans-serif" '
        'font-size="13">',
        f'<title id="chart-title">{escape(title)}</title>',
        f'<desc id="chart-text">{escape(described(points, statuses, words, zone))}</desc>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for number in (0, top // 2, top):
        parts.append(
            f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(number)}" y2="{y(number)}" '
            'stroke="#d5dade"/>'
            f'<text x="{_LEFT - 6}" y="{y(number) + 4}" text-anchor="end" fill="#1b2026">'
            f"{number}</text>"
        )
    for moment, anchor in ((start, "start"), (end, "end")):
        parts.append(
            f'<text x="{x(moment)}" y="{HEIGHT - 12}" text-anchor="{anchor}" fill="#1b2026">'
            f"{moment.astimezone(zone):%Y-%m-%d}</text>"
        )
    labels: list[float] = []
    for place, status in enumerate(statuses):
        colour, dashes = _LINES[place % len(_LINES)]
        path = _steps(points, status, x, y, end)
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2.5"{dash}/>')
        last = points[-1].counts.get(status, 0)
        height = _free(y(last) + 4, labels)
        labels.append(height)
        parts.append(
            f'<text x="{WIDTH - _RIGHT + 8}" y="{height}" fill="{colour}">'
            f"{escape(words.status(status))}: {last}</text>"
        )
    return "".join([*parts, "</svg>"])


def described(
    points: Sequence[Point], statuses: Sequence[str | None], words: Language, zone: tzinfo
) -> str:
    """The same figures as a sentence for each status: first and last."""
    said = []
    for status in statuses:
        old, new = points[0].counts.get(status, 0), points[-1].counts.get(status, 0)
        said.append(f"{words.status(status)}: {old} → {new}")
    since = f"{points[0].at.astimezone(zone):%Y-%m-%d}"
    until = f"{points[-1].at.astimezone(zone):%Y-%m-%d}"
    return f"{since} – {until}. " + "; ".join(said) + "."


def _steps(
    points: Sequence[Point],
    status: str | None,
    x: Callable[[datetime], float],
    y: Callable[[float], float],
    end: datetime,
) -> str:
    path = ""
    for point in points:
        number = point.counts.get(status, 0)
        here = f"{x(point.at)},{y(number)}"
        path += f"M{here}" if not path else f"H{x(point.at)}V{y(number)}"
    return f"{path}H{x(end)}"


def _round_up(number: int) -> int:
    """The next even number that reads well on an axis."""
    step = 2 if number <= 20 else 10 if number <= 100 else 50 if number <= 500 else 200
    return -(-number // step) * step


def _free(wanted: float, taken: Sequence[float]) -> float:
    """A height for a label that no other label has."""
    while any(abs(wanted - other) < 15 for other in taken):
        wanted += 15
    return min(wanted, HEIGHT - 4)
