"""`make year`: many seeds, two at a time, and one line for each."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import sys
import time
from multiprocessing.context import SpawnContext
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from tests.year.seeds import Told, one, stay

_LEAST_DAYS = 10
_RIGHT = re.compile(r"^seed (\d+): ok ", re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.year", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many (20)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--days", type=int, default=365, help="how long a year is (365)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="so many at a time")
    parser.add_argument("--keep", action="store_true", help="keep the folders")
    parser.add_argument(
        "--record", type=Path, help="write the lines to this file too, and pass over what it has"
    )
    chosen = parser.parse_args()
    if chosen.days < _LEAST_DAYS:
        parser.error(f"--days {chosen.days}: at least {_LEAST_DAYS}, or nothing has time to happen")
    done = _right_ones(chosen.record)
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    tasks = [(seed, chosen.days, chosen.keep) for seed in seeds if seed not in done]
    began, failed = time.monotonic(), []
    context = multiprocessing.get_context("spawn")
    with context.Pool(chosen.jobs, stay, (_places(context, chosen.jobs),)) as pool:
        for told in pool.imap_unordered(one, tasks):
            _say(told, chosen.record)
            if told.wrong:
                failed.append(told.seed)
    minutes = (time.monotonic() - began) / 60
    print(f"{len(tasks)} seeds in {minutes:.1f} min, {len(failed)} wrong {failed or ''}")
    return 1 if failed else 0


def _places(context: SpawnContext, jobs: int) -> SimpleQueue[set[int]]:
    """The cores of each process: one of its own where they fill the machine, for a year's threads
    take turns anyway, and from core to core they wait for each other. Fewer go where there is room.
    """
    cores = os.sched_getaffinity(0)
    places: SimpleQueue[set[int]] = context.SimpleQueue()
    for place in [{core} for core in cores] if jobs == len(cores) else [cores]:
        places.put(place)
    return places


def _right_ones(record: Path | None) -> set[int]:
    """The seeds that were right by this record: a thousand are more than one night."""
    if record is None or not record.exists():
        return set()
    return {int(seed) for seed in _RIGHT.findall(record.read_text())}


def _say(told: Told, record: Path | None) -> None:
    state = f"{len(told.wrong)} WRONG" if told.wrong else "ok"
    lines = [f"seed {told.seed}: {state} in {told.seconds:.0f} s: {told.figures}"]
    lines += [f"    {text}" for text in [*told.wrong[:12], *told.wrong[12:][-2:]]]
    print(*lines, sep="\n", flush=True)
    if record is not None:
        with record.open("a") as file:
            print(*lines, sep="\n", file=file)


if __name__ == "__main__":
    sys.exit(main())
