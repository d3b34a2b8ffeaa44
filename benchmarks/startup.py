"""What a start costs: the CPU of `--help`, of a question to the store, and of `check` of one page.

    python -m benchmarks.startup [--runs N]

The installed program, in processes of its own, against a page of 150 KB on loopback. Prints the
least of the runs in CPU-seconds (user and system, start included); exits 1 where a target is
missed: 0.2 for `--help`, 0.6 for the others.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.pages import HEADINGS, PROFILE, STATUSES, Style, invent, render
from tests.support.program import PROGRAM, config, page
from tests.support.web import Asked, Served, Site

TARGETS = {"--help": 0.2, "changes --json": 0.6, "check": 0.6}
SIZE = 150_000


def profile(name: str = "granvik") -> str:
    """The invented pages' profile, as a configuration says it."""
    rules = zip(HEADINGS, STATUSES, strict=True)
    sections = ", ".join(f'{{ heading = ["{one}"], status = "{status}" }}' for one, status in rules)
    stop = ", ".join(f'"{heading}"' for heading in PROFILE.stop)
    return f"\n[profiles.{name}]\nsections = [{sections}]\nstop = [{stop}]\n"


def cpu_seconds(words: list[str], folder: Path) -> float:
    """The CPU of one command, start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([PROGRAM, *words], cwd=folder, check=True, stdout=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    html = render(invent(1, (70, 50, 20)), Style(items="li-span", noise="full"))
    html = html.replace("</body>", f"<!--{'x' * max(0, SIZE - len(html.encode()))}--></body>")
    edition = 0

    def serve(asked: Asked) -> Served:
        """Another page each time, so that each look parses and compares."""
        nonlocal edition
        if asked.path == "/robots.txt":
            return Served(b"", 404)
        edition += 1
        return Served(html.replace("</body>", f"<!--{edition}--></body>").encode())

    os.environ["VISIONSVAKT_CONFIG"] = "visionsvakt.toml"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installation has its bytecode
    missed = 0
    with Site(serve) as site, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = config(page("granvik", site.url("/p.html"), profile="granvik"))
        (folder / "visionsvakt.toml").write_text(text + profile(), encoding="utf-8")
        for command, target in TARGETS.items():
            cpu_seconds(command.split(), folder)  # the first one makes the store, and the bytecode
            least = min(cpu_seconds(command.split(), folder) for _ in range(runs))
            missed += least > target
            print(f"{command:16}{least:6.3f} CPU-seconds (target {target})")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
