"""A killed worker is followed: by a container started again at once, by another machine when its
lease has run out; one that lives is left alone. Real processes, in namespaces of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import (
    AT_ONCE_SECONDS,
    ELSEWHERE,
    FIRST,
    Home,
    config,
    container,
    have_containers,
    lease,
    page,
)
from tests.support.web import Asked, Served, Site
from worker.lease import LEASE_SECONDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux namespaces"),
]
WORKS = "granvik: "
"""Stands in the line of a look, and in no other."""
AHEAD_SECONDS = 14 * 3600.0
"""What another machine's lease lasts by our clock, where its own is so far ahead."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    if not have_containers():
        pytest.skip("namespaces of its own can be had by root only")

    def serve(asked: Asked) -> Served:
        return Served(FIRST.html) if asked.path == "/p" else Served(b"", 404)

    with Site(serve) as site:
        yield Home(tmp_path, config(page("granvik", site.url("/p"), every="1s")))


def test_a_container_started_again_after_a_kill_works_at_once(home: Home) -> None:
    with home.started("run", within=container("forsta")) as first:
        first.line(WORKS)
        first.kill()
    with home.started("run", within=container("andra")) as second:
        second.line(WORKS, AT_ONCE_SECONDS)
        assert home.json("verify")["ok"]


def test_another_machine_waits_until_the_lease_of_a_killed_one_has_run_out(
    home: Home, tmp_path: Path
) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("0f0f0f0f-0000-4000-8000-000000000000\n")
    with home.started("run", within=container("forsta")) as first:
        first.line(WORKS)
        first.kill()
    looks = home.json("coverage", "granvik")["looks"]
    with home.started("run", within=container("annan", boot)) as second:
        second.line(WORKS, LEASE_SECONDS + 15)
        assert not any("redan igång" in line for line in second.err)
    assert home.json("coverage", "granvik")["looks"] > looks


def test_another_machine_whose_clock_is_behind_waits_no_longer_for_a_killed_one(home: Home) -> None:
    lease(home, ELSEWHERE, AHEAD_SECONDS)
    with home.started("run") as worker:
        worker.line(WORKS, LEASE_SECONDS + 15)


def test_a_worker_that_was_taken_over_ends_so_that_it_is_started_again(home: Home) -> None:
    with home.started("run") as worker:
        worker.line(WORKS)
        lease(home, ELSEWHERE, AHEAD_SECONDS)
        worker.line("har tagit över; stannar")
        assert worker.wait() == 1  # systemd's «on-failure» leaves alone what ends well


def test_a_second_container_on_the_same_machine_is_refused_while_the_first_lives(
    home: Home,
) -> None:
    with home.started("run", within=container("forsta")) as first:
        first.line(WORKS)
        with home.started("run", within=container("andra")) as second:
            assert "på annat håll" in second.line("redan igång", LEASE_SECONDS)
            assert second.wait() == 2
            assert not any(WORKS in line for line in second.err)
        first.lines(WORKS, len([one for one in first.err if WORKS in one]) + 1)


def test_a_worker_that_lives_elsewhere_is_left_alone(home: Home, tmp_path: Path) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("0f0f0f0f-0000-4000-8000-000000000000\n")
    with home.started("run", within=container("forsta")) as first:
        first.line(WORKS)
        with home.started("run", within=container("annan", boot)) as second:
            assert "på annat håll" in second.line("redan igång", LEASE_SECONDS)
            assert second.wait() == 2
            assert not any(WORKS in line for line in second.err)
        first.lines(WORKS, len([one for one in first.err if WORKS in one]) + 1)
