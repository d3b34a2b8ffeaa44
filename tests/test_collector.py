"""Python's collector is kept away from short commands, and from nobody else's program."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import cli
from cli.collector import come_as_usual, seldom

ROOT = Path(__file__).parents[1]


def test_a_command_within_another_program_leaves_its_collector_alone() -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    assert cli.main(["--help"]) == 0
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_a_process_of_its_own_collects_nothing_of_its_start() -> None:
    code = (
        "import gc, sys; sys.argv = ['visionsvakt', '--help']; gc.collect();"
        "before = gc.get_stats()[0]['collections']; from cli import main; main();"
        "print(gc.get_stats()[0]['collections'] - before, gc.get_freeze_count() > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    came, is_frozen = done.stdout.splitlines()[-1].split()
    assert int(came) < 15, "else nearly thirty times"
    assert is_frozen == "True"


def test_a_worker_has_the_collector_back() -> None:
    before = gc.get_threshold()
    gc.set_threshold(200_000)
    try:
        come_as_usual()
        assert gc.get_threshold() == before
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def test_while_many_editions_are_folded_it_comes_seldom_and_then_as_before() -> None:
    before = gc.get_threshold()
    with seldom():
        assert gc.get_threshold()[0] > before[0]
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
