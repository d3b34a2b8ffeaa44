"""Numbers that keep an order with gaps in them, so that a newcomer moves nobody. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

_GAP: Final = 1 << 32
"""Between two positions at first; halved by each insertion there."""


def places_for(order: Sequence[str], before: Mapping[str, int]) -> dict[str, int]:
    """Positions that sort as `order`, keeping as many of those `before` as can be."""
    kept = _longest_rising([(track, before[track]) for track in order if track in before])
    places: dict[str, int] = {}
    run: list[str] = []
    left: int | None = None
    for track in [*order, None]:
        if track is not None and track not in kept:
            run.append(track)
            continue
        right = None if track is None else kept[track]
        if run:
            step, start = _GAP, left if left is not None else 0
            if right is not None and left is not None:
                step = (right - left) // (len(run) + 1)
            elif right is not None:
                start = right - step * (len(run) + 1)
            if step == 0:  # no room left between them: number all anew
                return {name: index * _GAP for index, name in enumerate(order)}
            places.update((name, start + step * (index + 1)) for index, name in enumerate(run))
            run = []
        if track is not None:
            places[track] = kept[track]
            left = kept[track]
    return places


def _longest_rising(pairs: Sequence[tuple[str, int]]) -> dict[str, int]:
    """The longest run of (track, position) whose positions rise, in order."""
    if all(one[1] < other[1] for one, other in pairwise(pairs)):
        return dict(pairs)
    tails: list[int] = []  # the smallest last position of a run of each length
    ends: list[int] = []  # its index in pairs
    came_from: list[int | None] = []
    for index, (_, position) in enumerate(pairs):
        length = bisect_left(tails, position)
        tails[length : length + 1] = [position]
        ends[length : length + 1] = [index]
        came_from.append(ends[length - 1] if length else None)
    best: list[tuple[str, int]] = []
    at: int | None = ends[-1]
    while at is not None:
        best.append(pairs[at])
        at = came_from[at]
    return dict(reversed(best))
