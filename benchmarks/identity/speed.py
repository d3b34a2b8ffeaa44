"""How long match and compare take: 140 initiatives with five edits, 1,000 with fifty.

    python -m benchmarks.identity.speed

CPU time, the least of many runs (others may load the machine), with nothing remembered from the run
before. Beside it the same with 500 that left over the years, and the replay that proves it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

from monitor.diff import compare, verify_replay
from monitor.identity.address import address_key
from monitor.identity.match import match
from monitor.model import Initiative
from tests.support.histories import Style, make_history

BOUNDS_MS = {(140, 5): 5.0, (1000, 50): 100.0}
DEPARTED_TIMES = 3.0
"""With hundreds of departed it may take so many times the bound."""
RUNS = 25


def least_ms(work: Callable[[], object]) -> float:
    """CPU milliseconds of the quickest run."""
    spent = []
    for _ in range(RUNS):
        address_key.cache_clear()
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent) * 1e3


def measure(
    old: Sequence[Initiative], new: Sequence[Initiative], departed: Sequence[Initiative] = ()
) -> tuple[float, float]:
    """Milliseconds of match + compare, and of the replay that proves them."""
    matching = match(old, new, departed)
    differences = compare(old, new, matching, departed)
    return (
        least_ms(lambda: compare(old, new, match(old, new, departed), departed)),
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
            took, proof = measure(old.initiatives, fresh)
            with_gone, _ = measure(old.initiatives, fresh, gone)
            worst += took > bound or with_gone > bound * DEPARTED_TIMES
            print(
                f"{size:5} initiatives, {len(new.events):3} events: {took:6.1f} ms"
                f" (<= {bound:.0f}), replay {proof:5.1f} ms, with 500 departed {with_gone:6.1f} ms"
                f" (<= {bound * DEPARTED_TIMES:.0f})"
            )
    return 1 if worst else 0


if __name__ == "__main__":
    raise SystemExit(main())
