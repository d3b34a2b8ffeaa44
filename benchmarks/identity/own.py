"""Identity over histories of the project's own generator: F1, calibration, misses.

python -m benchmarks.identity.own [--histories 260] [--seed 1] [--misses 40]
    [--odd 0.3] [--page FILE]

`--odd`: the share of edits that are of the rarer, meaner kinds (merged, split, twins edited
together, back under another name, …). `--page`: begin with the initiatives of a page, read with
the built-in profile, instead of invented ones.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.identity.score import Score, fold, told
from monitor.extract import extract
from monitor.model import Initiative, Source
from monitor.profile import BUILTIN
from monitor.text import same_key
from tests.support.histories import History, Style, make_history, many_histories


def score(history: History) -> Score:
    """One history through match and compare."""
    result = Score()
    editions = history.editions
    found = fold([edition.initiatives for edition in editions])
    for number, (differences, _) in enumerate(found, start=1):
        truth = [
            (
                event.kinds,
                None if event.old is None else same_key(event.old),
                None if event.new is None else same_key(event.new),
                event.old_status,
                event.new_status,
            )
            for event in editions[number].events
        ]
        result.add(f"{history.seed}/{number}", [told(one) for one in differences], truth)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=260)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--misses", type=int, default=40)
    parser.add_argument("--odd", type=float)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    start: Sequence[Initiative] = ()
    if options.page is not None:
        kind = "text/html; charset=utf-8"
        source = Source(options.page.read_bytes(), kind, "https://www.boras.se/vision.html")
        start = extract(source, BUILTIN["boras"]).initiatives
    pooled, by_style = Score(), defaultdict[Style, Score](Score)
    kinds: Counter[bool] = Counter()
    for seed, style in many_histories(options.histories, options.seed):
        if options.odd is not None:
            style = replace(style, odd_share=options.odd)
        history = make_history(seed, style, start=start)
        one = score(history)
        pooled.merge(one)
        by_style[style].merge(one)
        kinds.update(
            {"moved", "renamed", "reworded"} <= event.kinds
            for edition in history.editions
            for event in edition.events
        )
    for style, one in by_style.items():
        print(f"{one.f1:.4f}  {one.right.total() + one.missed.total():6} events  {style}")
    print(f"\nmoved+renamed+reworded at once: {kinds[True] / kinds.total():.1%} of all events\n")
    print(pooled.table())
    print()
    print(pooled.calibration())
    for miss in pooled.misses[: options.misses]:
        print(miss)
    return 0 if pooled.f1 >= 0.995 else 1


if __name__ == "__main__":
    raise SystemExit(main())
