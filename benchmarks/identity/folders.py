"""Folders of editions with a truth.json: precision, recall and F1 by kind and by folder, misses.

    python -m benchmarks.identity.folders [PATH] [--program]

By default the pages are read and compared in this process. With `--program` each folder goes
through the installed program instead: `visionsvakt import`, then `visionsvakt changes --json`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.identity.score import Score, Told, fold, told
from monitor.extract import extract
from monitor.model import Initiative, Source
from monitor.profile import BUILTIN
from monitor.text import same_key

BOUNDS = {"ordinary": 1.0, "redesigned": 1.0, "hard": 0.98}
ADDRESS = "https://www.boras.se/visionsomradet.4.2c920f00184500c8ebfb7b98.html"


def truth_of(folder: Path) -> list[tuple[str, list[Told]]]:
    """(time, events) of each edition."""
    document = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return [
        (
            edition["time"],
            [
                (
                    frozenset(event["kinds"]),
                    _key(event["old"]),
                    _key(event["new"]),
                    event["from"],
                    event["to"],
                )
                for event in edition["changes"]
            ],
        )
        for edition in document["editions"]
    ]


def score_in_process(folder: Path) -> Score:
    """Read every edition and fold them through match and compare."""
    document = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    pages: list[Sequence[Initiative]] = []
    for edition in document["editions"]:
        body = (folder / edition["file"]).read_bytes()
        source = Source(body, "text/html; charset=utf-8", ADDRESS)
        known = pages[-1] if pages else ()
        pages.append(extract(source, BUILTIN["boras"], known).initiatives)
    result = Score()
    truth = truth_of(folder)
    for number, (differences, _) in enumerate(fold(pages), start=1):
        events = [told(one) for one in differences]
        result.add(f"{folder.name}/{number}", events, truth[number][1])
    return result


def score_by_program(folder: Path) -> Score:
    """The same by the installed program, from outside."""
    with tempfile.TemporaryDirectory() as room:
        config = Path(room) / "visionsvakt.toml"
        config.write_text(
            f'[database]\nurl = "sqlite:///{room}/store.db"\n\n[web]\nlisten = ""\n\n'
            f'[[pages]]\nid = "page"\nname = "Page"\nurl = "{ADDRESS}"\nprofile = "boras"\n'
            'every = "1h"\n',
            encoding="utf-8",
        )
        # The truth stands among the editions; it is no capture.
        files = sorted(str(path) for path in folder.glob("*.html"))
        _run(config, "import", "page", *files, "--json")
        document = _run(config, "changes", "--page", "page", "--json")
    by_time: dict[str, list[tuple[Told, float]]] = defaultdict(list)
    for change in document["changes"]:
        if change["subject"] == "initiative":
            by_time[change["before"]].append((_told(change), change["certainty"]))
    result = Score()
    for number, (time, events) in enumerate(truth_of(folder)):
        result.add(f"{folder.name}/{number}", by_time.pop(time, []), events)
    for time, stray in by_time.items():
        result.add(f"{folder.name}/{time}", stray, [])
    return result


def _run(config: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [_program(), "--config", str(config), *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"visionsvakt {' '.join(arguments)}: {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def _program() -> str:
    """The one installed beside this Python, else the one on the path."""
    beside = Path(sys.executable).parent / "visionsvakt"
    return str(beside) if beside.exists() else "visionsvakt"


def _told(change: dict[str, Any]) -> Told:
    return (
        frozenset(change["kinds"]),
        _key(change["title"]["old"]),
        _key(change["title"]["new"]),
        change["status"]["old"],
        change["status"]["new"],
    )


def _key(text: str | None) -> str | None:
    return None if text is None else same_key(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, default=Path("../shared/histories"))
    parser.add_argument("--program", action="store_true")
    options = parser.parse_args()
    folders = sorted(path.parent for path in options.path.glob("**/truth.json"))
    if not folders:
        print(f"no folder with a truth.json under {options.path}")
        return 2
    pooled, by_family, failed = Score(), defaultdict[str, Score](Score), 0
    for folder in folders:
        one = score_by_program(folder) if options.program else score_in_process(folder)
        family = folder.name.partition("-")[0]
        pooled.merge(one)
        by_family[family].merge(one)
        short = one.f1 < BOUNDS.get(family, 0.98)
        failed += short
        print(f"{folder.name:20} F1 {one.f1:.4f}{'  too low' if short else ''}")
    for family, one in by_family.items():
        print(f"\n{family}\n{one.table()}")
    print(f"\nall\n{pooled.table()}\n\n{pooled.calibration()}")
    for miss in pooled.misses:
        print(miss)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
