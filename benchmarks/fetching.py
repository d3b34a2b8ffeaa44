"""How much CPU a guarded, bounded, recorded look costs, beside the bare httpx client.

    python -m benchmarks.fetching [--rounds N] [--requests N] [--check]

Both stand on httpx: ours is one client over a guarded transport. The site runs in a process of
its own, so that only the client's CPU is counted; the two clients take turns, and each figure is
the best of the rounds. `--check` exits with 1 where our cost is more than 1.2 times the bare
client's.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

MOST = 1.2
ROOT = Path(__file__).parent.parent

PAGE = (
    "<!doctype html><title>Granvik</title><h1>Vision för Granvik</h1>"
    + "".join(
        f"<div class='insats'><button>Insats nummer {n} för ett tryggare Granvik</button>"
        f"<p>{'Vi bygger, planerar och följer upp med alla som bor här. ' * 18}</p></div>"
        for n in range(140)
    )
).encode()


def serve() -> None:
    """The site: the page bare, packed and unmodified, over HTTP/1.1, TLS and HTTP/2."""
    from tests.support.web import HTML, Asked, Authority, Http2Site, Served, Site

    packed = gzip.compress(PAGE, 6)
    etag = ("ETag", '"granvik"')

    def answer(asked: Asked) -> Served:
        if asked.path == "/packed":
            return Served(packed, headers=[HTML, etag, ("Content-Encoding", "gzip")])
        if asked.path == "/same":
            return Served(status=304, headers=[etag])
        return Served(PAGE, headers=[HTML, etag])

    with ExitStack() as stack:
        authority = stack.enter_context(Authority())
        secure = authority.context("127.0.0.1")
        second = authority.context("127.0.0.1", alpn=("h2",))
        sites = {
            "http": stack.enter_context(Site(answer)),
            "https": stack.enter_context(Site(answer, tls=secure)),
            "http2": stack.enter_context(Http2Site(answer, tls=second)),
        }
        urls = {name: site.url() for name, site in sites.items()}
        print(json.dumps({"urls": urls, "ca_file": authority.pem_file}), flush=True)
        sys.stdin.read()


def cost(look: Callable[[], object], requests: int) -> float:
    """CPU-seconds of one request."""
    look()
    began = time.process_time()
    for _ in range(requests):
        look()
    return (time.process_time() - began) / requests


def measure(urls: dict[str, str], ca_file: str, rounds: int, requests: int) -> bool:
    import ssl

    import certifi
    import httpx

    from monitor.fetch import Fetcher, FetchRules, OpenGate, Validators

    context = ssl.create_default_context(cafile=certifi.where())
    context.load_verify_locations(ca_file)
    rules = FetchRules(allow_private=("127.0.0.1",), ca_file=ca_file, contact="a@granvik.example")
    good = True
    with (
        httpx.Client(http2=True, trust_env=False, verify=context) as bare,
        Fetcher(rules, gate=OpenGate(), clock=lambda: datetime.now(UTC)) as ours,
    ):
        print(f"page {len(PAGE):,} bytes; {requests} requests, best of {rounds} rounds")
        print(f"{'':16}{'httpx/CPU-s':>13}{'ours/CPU-s':>13}{'ratio':>8}")
        for name, root in urls.items():
            for kind in ("bare", "packed", "same"):
                url = root + kind
                known = Validators('"granvik"') if kind == "same" else None
                headers = {"If-None-Match": '"granvik"'} if known else {}
                # What each is given to read is what is compared: the body, decoded.
                get = partial(bare.get, url, headers=headers)
                fetch = partial(ours.fetch, url, known)
                turns = [(cost(get, requests), cost(fetch, requests)) for _ in range(rounds)]
                theirs, mine = (min(costs) for costs in zip(*turns, strict=True))
                ratio = mine / theirs
                good = good and ratio <= MOST
                print(f"{name + ' ' + kind:16}{1 / theirs:13.0f}{1 / mine:13.0f}{ratio:8.2f}")
    return good


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    options.add_argument("--rounds", type=int, default=12)
    options.add_argument("--requests", type=int, default=80)
    options.add_argument("--check", action="store_true")
    options.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve:
        serve()
        return 0
    site = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fetching", "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert site.stdin is not None
    assert site.stdout is not None
    with site:
        told = json.loads(site.stdout.readline())
        good = measure(told["urls"], told["ca_file"], chosen.rounds, chosen.requests)
        site.stdin.close()
    return 0 if good or not chosen.check else 1


if __name__ == "__main__":
    sys.exit(main())
