"""`make year`: many seeds, two at a time, and one line for each."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time

from tests.year.seeds import one


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.year", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many (20)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--days", type=int, default=365, help="how long a year is (365)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="so many at a time")
    parser.add_argument("--keep", action="store_true", help="keep the folders")
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    tasks = [(seed, chosen.days, chosen.keep) for seed in seeds]
    began, failed = time.monotonic(), []
    with multiprocessing.get_context("spawn").Pool(min(chosen.jobs, len(tasks))) as pool:
        for seed, verdict, figures, seconds in pool.imap_unordered(one, tasks):
            state = "ok" if not verdict.wrong else f"{len(verdict.wrong)} WRONG"
            print(f"seed {seed}: {state} in {seconds:.0f} s: {figures}", flush=True)
            for text in [*verdict.wrong[:12], *verdict.wrong[12:][-2:]]:
                print(f"    {text}", flush=True)
            if verdict.wrong:
                failed.append(seed)
    minutes = (time.monotonic() - began) / 60
    print(f"{len(tasks)} seeds in {minutes:.1f} min, {len(failed)} wrong {failed or ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
