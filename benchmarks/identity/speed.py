"""How long match and compare take: 140 initiatives with five edits, 1,000 with fifty.

    python -m benchmarks.identity.speed

CPU time, the least of many runs (others may load the machine), with nothing remembered from the run
before; that is judged. Beside it what a worker meets, which has looked at the old edition before;
the same cold with 500 that left over the years; and the replay that proves it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from monitor.diff import compare, verify_replay
from monitor.identity import likeness
from monitor.identity.address import address_key
from monitor.identity.match import match
from monitor.model import Initiative
from monitor.text import same_key
from tests.support.histories import Style, make_history

BOUNDS_MS = {(140, 5): 5.0, (1000, 50): 100.0}
DEPARTED_TIMES = 3.0
"""With hundreds of departed it may take so many times the bound."""
RUNS = 25


def forget() -> None:
    """Clear what looks leave behind."""
    for remembered in (address_key, same_key, likeness.rough_words):
        remembered.cache_clear()


def least_ms(work: Callable[[], object], before: Callable[[], object] = forget) -> float:
    """CPU milliseconds of the quickest run."""
    spent = []
    for _ in range(RUNS):
        before()
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent) * 1e3


class Measured(NamedTuple):
    """Milliseconds of match + compare: cold, at the next look, with departed; and of the replay."""

    cold: float
    next_look: float
    departed: float
    replay: float


def measure(
    old: Sequence[Initiative], new: Sequence[Initiative], departed: Sequence[Initiative]
) -> Measured:

    def look_before() -> None:
        forget()
        match([replace(old[0], title="Förut"), *old[1:]], old)

    def work(gone: Sequence[Initiative] = ()) -> None:
        compare(old, new, match(old, new, gone), gone)

    matching = match(old, new)
    differences = compare(old, new, matching)
    return Measured(
        least_ms(work),
        least_ms(work, look_before),
        least_ms(lambda: work(departed)),
        least_ms(lambda: verify_replay(old, new, matching, differences)),
    )


def main() -> int:
    worst = 0
    gone = make_history(8, Style(size=500), editions=1).editions[0].initiatives
    for (size, edits), bound in BOUNDS_MS.items():
        history = make_history(7, Style(size=size, events=(edits, edits)), editions=4)
        for old, new in pairwise(history.editions):
            # Equal texts that are other objects, as they come from the store and from a reading.
            fresh = [Initiative(i.title, i.description, i.links, i.status) for i in new.initiatives]
            took = measure(old.initiatives, fresh, gone)
            worst += took.cold > bound or took.departed > bound * DEPARTED_TIMES
            print(
                f"{size:5} initiatives, {len(new.events):3} events: {took.cold:6.1f} ms"
                f" (<= {bound:.0f}), next look {took.next_look:5.1f} ms,"
                f" replay {took.replay:5.1f} ms, with 500 departed {took.departed:6.1f} ms"
                f" (<= {bound * DEPARTED_TIMES:.0f})"
            )
    return 1 if worst else 0


if __name__ == "__main__":
    raise SystemExit(main())
