"""How long match and compare take: 140 initiatives with five edits, 1,000 with fifty.

python -m benchmarks.identity.speed
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise

from monitor.diff import compare, verify_replay
from monitor.identity.match import match
from monitor.model import Initiative
from tests.support.histories import Style, make_history

BOUNDS_MS = {(140, 5): 5.0, (1000, 50): 100.0}


def measure(
    old: Sequence[Initiative], new: Sequence[Initiative], departed: Sequence[Initiative] = ()
) -> tuple[float, float]:
    """Median milliseconds of match + compare, and of the replay that proves them."""
    spent, proof = [], []
    for _ in range(15):
        start = time.perf_counter()
        matching = match(old, new, departed)
        differences = compare(old, new, matching, departed)
        spent.append((time.perf_counter() - start) * 1e3)
        start = time.perf_counter()
        verify_replay(old, new, matching, differences)
        proof.append((time.perf_counter() - start) * 1e3)
    return statistics.median(spent), statistics.median(proof)


def main() -> int:
    worst = 0
    for (size, edits), bound in BOUNDS_MS.items():
        history = make_history(7, Style(size=size, events=(edits, edits)), editions=4)
        for old, new in pairwise(history.editions):
            # Equal texts that are other objects, as they come from the store and from a reading.
            fresh = [Initiative(i.title, i.description, i.links, i.status) for i in new.initiatives]
            took, proof = measure(old.initiatives, fresh)
            gone = make_history(8, Style(size=500), editions=1).editions[0].initiatives
            with_gone, _ = measure(old.initiatives, fresh, gone)
            worst += took > bound
            print(
                f"{size:5} initiatives, {len(new.events):3} events: {took:6.1f} ms"
                f" (<= {bound:.0f}), replay {proof:5.1f} ms, with 500 departed {with_gone:6.1f} ms"
            )
    return 1 if worst else 0


if __name__ == "__main__":
    raise SystemExit(main())
