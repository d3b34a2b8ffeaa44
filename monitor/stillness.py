"""Is what we read still plausible? A page that stands still against its own rhythm; one of which
less and less is read, in steps too small for the quality gate. Pure: times are those of looks.

Neither is an error of any one reading. But a page that has moved, a list that is written elsewhere
from now on, or a profile that no longer fits can look like this for a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from monitor.model import Figures

RHYTHM_CHANGES = 8
"""So many changes of a page are a rhythm."""
STILL_TIMES = 4
"""A page with a rhythm is still after so many times its longest pause …"""
STILL_AT_LEAST = timedelta(days=60)
"""… but never before."""
STILL_WITHOUT_RHYTHM = timedelta(days=240)
"""A page that has hardly ever changed is still after this."""
STEPS = 4
"""Less and less: in at least so many steps down, none of them up."""
LOST_SHARE = 0.5
"""So much of a section's initiatives went, without having moved to another …"""
LOST_AT_LEAST = 5
"""… and at least so many."""
UNCLAIMED_RISE = 0.10
"""So much of the page's text is no longer claimed by any initiative …"""
UNCLAIMED_AT_LEAST = 300
"""… and at least so many characters."""
WOBBLE = 0.01
"""An edit moves the share of claimed text a little, up as well."""


@dataclass(frozen=True, slots=True)
class Still:
    """Nothing changed for so long; `longest` is the longest pause before (None: no pause known)."""

    pause: timedelta
    longest: timedelta | None


@dataclass(frozen=True, slots=True)
class Shrinking:
    """Less and less is read. `what` is «initiatives»: a section's (`status` says which), so many
    before and now; or «text»: so many characters were claimed by no initiative before, and are now.
    """

    what: Literal["initiatives", "text"]
    status: str | None
    before: int
    now: int


def still(changed_at: Sequence[datetime], seen_last: datetime) -> Still | None:
    """Whether a page is implausibly still.

    `changed_at`: when its versions were first seen, oldest first, the first look's included;
    `seen_last`: the last good look, which still showed the last of them.
    """
    if not changed_at:
        return None
    pause = seen_last - changed_at[-1]
    pauses = [after - before for before, after in pairwise(changed_at)]
    longest = max(pauses, default=None)
    floor = STILL_AT_LEAST if len(pauses) >= RHYTHM_CHANGES else STILL_WITHOUT_RHYTHM
    limit = max(floor, STILL_TIMES * longest) if longest is not None else floor
    return Still(pause, longest) if pause >= limit else None


def shrinking(past: Sequence[Figures]) -> Shrinking | None:
    """Whether less and less was read over these good readings, oldest first."""
    totals = [sum(count for _, count in one.counts) for one in past]
    for status in dict.fromkeys(status for one in past for status, _ in one.counts):
        counts = [dict(one.counts).get(status, 0) for one in past]
        top = _last_top(counts)
        before, now = counts[top], counts[-1]
        lost, lost_in_all = before - now, totals[top] - totals[-1]
        few = lost < LOST_AT_LEAST or lost < before * LOST_SHARE
        if not few and lost_in_all * 5 >= lost * 4 and _goes_down(counts[top:]):
            return Shrinking("initiatives", status, before, now)
    shares = [_claimed(one) for one in past]
    if not shares:
        return None
    top = _last_top(shares)
    before, now = past[top].unclaimed_characters, past[-1].unclaimed_characters
    much = shares[top] - shares[-1] >= UNCLAIMED_RISE and now - before >= UNCLAIMED_AT_LEAST
    if much and _goes_down(shares[top:], WOBBLE):
        return Shrinking("text", None, before, now)
    return None


def _claimed(one: Figures) -> float:
    whole = one.characters + one.unclaimed_characters
    return one.characters / whole if whole else 1.0


def _last_top(values: Sequence[float]) -> int:
    """Where the highest value stood last."""
    return max(range(len(values)), key=lambda index: (values[index], index))


def _goes_down(values: Sequence[float], wobble: float = 0.0) -> bool:
    """Whether they go down in steps, and never up."""
    steps = [after - before for before, after in pairwise(values)]
    return all(step <= wobble for step in steps) and sum(step < 0 for step in steps) >= STEPS
