"""What a worker costs that has nothing to do: resident memory, and CPU for each second.

    python -m benchmarks.idle [--pages 200] [--seconds 90]

The installed program's `run`, as a process of its own with its health addresses on. It first looks
at every page (on loopback), then waits for tomorrow's looks; memory and CPU are read from /proc
over that wait. Exits 1 where a target is missed: 120 MB, 0.002 CPU-seconds a second.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.support.mail import MailHost
from tests.support.program import FIRST, Home, by_mail, config, mail, page
from tests.support.web import Asked, Served, Site

MEGABYTES = 120
CPU_SECONDS = 0.002
SETTLE_SECONDS = 15.0
"""After the last first look: welcomes are tried, what is packed daily is packed."""


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int, name: str = "VmRSS") -> float:
    """Resident memory of a process, in MB (10^6 bytes)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=90)
    asked = parser.parse_args()

    def serve(request: Asked) -> Served:
        return Served(b"", 404) if request.path == "/robots.txt" else Served(FIRST.html)

    with Site(serve) as site, MailHost() as post, tempfile.TemporaryDirectory() as folder:

        def watching(every: str) -> str:
            names = [f"sida-{number}" for number in range(asked.pages)]
            pages = [page(name, site.url(f"/{name}"), every=every) for name in names]
            return config(
                *pages, by_mail(digest="daily 07:30"), mail(post.port), listen="127.0.0.1:0"
            )

        home = Home(Path(folder), watching("2d"))
        home.run("check")  # new pages would be spread over minutes; another timetable is not
        home.write(watching("1d"))
        with home.started("run") as worker:
            pid = worker.process.pid
            worker.lines('"kind": "look"', asked.pages, 600)
            time.sleep(SETTLE_SECONDS)
            before, began = cpu_seconds(pid), time.monotonic()
            time.sleep(asked.seconds)
            rate = (cpu_seconds(pid) - before) / (time.monotonic() - began)
            memory, most = resident(pid), resident(pid, "VmHWM")
            worker.stop()
    print(f"{asked.pages} pages, idle for {asked.seconds:.0f} s")
    print(f"resident memory  {memory:7.1f} MB (target {MEGABYTES}; at most {most:.1f})")
    print(f"CPU a second     {rate:7.4f} s  (target {CPU_SECONDS})")
    return int(memory > MEGABYTES or rate > CPU_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
