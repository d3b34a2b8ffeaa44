"""A real Prometheus scrapes the running worker: alerts fire in their faults and clear when mended.

Only their waiting is shortened here; how long each waits is tested by promtool, see test_metrics.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.mail import Fault, MailHost
from tests.support.program import (
    ERROR_PAGE,
    FIRST,
    SECOND,
    Home,
    by_mail,
    config,
    free_port,
    mail,
    page,
    until,
)
from tests.support.web import Asked, Served, Site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="prometheus is not installed (make system)"
    ),
]
RULES = Path(__file__).parents[1] / "ops" / "alerts.yml"
PATIENCE = 60.0
OF_THIS_MACHINE = {"VisionsvaktDiskAlmostFull"}
"""Says something of where the test runs."""


@dataclass(frozen=True)
class Prometheus:
    url: str

    def ask(self, what: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{what}", trust_env=False).raise_for_status()
        return answer.json()["data"]

    @property
    def firing(self) -> set[str]:
        """The alerts that fire now, by name."""
        return {
            one["labels"]["alertname"]
            for one in self.ask("alerts")["alerts"]
            if one["state"] == "firing"
        } - OF_THIS_MACHINE

    def until_scraping(self) -> None:
        """Until every target answered and every rule was evaluated: both are «unknown» before."""

        def well() -> bool:
            (group,) = self.ask("rules")["groups"]
            targets = {one["health"] for one in self.ask("targets")["activeTargets"]}
            return (targets, {one["health"] for one in group["rules"]}) == ({"up"}, {"ok"})

        until(well, PATIENCE)

    def until_firing(self, *names: str) -> None:
        until(lambda: self.firing == set(names), PATIENCE)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[Prometheus]:
    """One of its own, with our rules, that looks twice a second."""
    folder.mkdir()
    rules = re.sub(r"\bfor: \w+", "for: 1s", RULES.read_text(encoding="utf-8"))
    (folder / "alerts.yml").write_text(rules, encoding="utf-8")
    quick = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    jobs = [
        {"job_name": "visionsvakt", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]},
    ]
    settings = {"global": quick, "rule_files": ["alerts.yml"], "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(json.dumps(settings), encoding="utf-8")  # YAML, too
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            found = Prometheus(f"http://127.0.0.1:{port}")
            until(found.is_ready, PATIENCE)
            yield found
        finally:
            process.kill()
            process.wait()


class Granvik(Site):
    """A page that can be changed, or be out of order."""

    def __init__(self) -> None:
        super().__init__(self._page)
        self.html: bytes = FIRST.html

    def _page(self, asked: Asked) -> Served:
        return Served(b"", 404) if asked.path == "/robots.txt" else Served(self.html)


def test_alerts_fire_in_their_faults_and_clear_when_mended(tmp_path: Path) -> None:
    refusing = [False]

    def refused(step: str, address: str) -> Fault:
        return "550 5.1.1 No such user" if refusing[0] and step == "RCPT" else None

    port = free_port()
    with (
        Granvik() as site,
        MailHost(fault=refused) as post,
        prometheus(tmp_path / "prometheus", port) as watcher,
    ):
        home = Home(
            tmp_path,
            config(
                page("granvik", site.url("/p"), every="1s"),
                by_mail(),
                mail(post.port),
                listen=f"127.0.0.1:{port}",
            ),
        )
        with home.started("run") as worker:
            worker.line("första avläsningen")
            watcher.until_scraping()
            watcher.until_firing()
            (group,) = watcher.ask("rules")["groups"]
            assert len(group["rules"]) == RULES.read_text(encoding="utf-8").count("alert:")

            site.html = ERROR_PAGE
            watcher.until_firing("VisionsvaktQuarantine", "VisionsvaktIncident")
            site.html = FIRST.html
            watcher.until_firing("VisionsvaktQuarantine")
            for one in home.json("quarantine", "list")["captures"]:
                signed = ("--by", "Kim", "--why", "webbplatsen var trasig")
                assert home.run("quarantine", "reject", one["id"], *signed).code == 0
            watcher.until_firing()

            refusing[0] = True
            site.html = SECOND.html
            watcher.until_firing("VisionsvaktDeliveriesDead", "VisionsvaktIncident")
            refusing[0] = False
            assert home.run("deliveries", "retry").code == 0
            watcher.until_firing()

            worker.kill()
        watcher.until_firing("VisionsvaktDown")
        with home.started("run") as worker:
            watcher.until_firing()
            assert worker.stop() < 10
