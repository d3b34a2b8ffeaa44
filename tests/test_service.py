"""The systemd unit, the script beside it and the handbook that installs both agree."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler import CLOSE_SECONDS, DRAIN_SECONDS, LEAVE_SECONDS

ROOT = Path(__file__).parents[1]
UNIT = (ROOT / "ops" / "visionsvakt.service").read_text(encoding="utf-8")
SCRIPT = (ROOT / "ops" / "visionsvakt.sh").read_text(encoding="utf-8")
HANDBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def unit(key: str) -> str:
    """The one value of a key."""
    (value,) = re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)
    return str(value)


def test_the_unit_runs_the_worker_and_speaks_to_it_by_the_signals_it_knows() -> None:
    program, option, file, command = unit("ExecStart").split()
    assert (option, command) == ("--config", "run")
    assert unit("ExecReload") == "/bin/kill -HUP $MAINPID"
    assert unit("KillSignal") == "SIGTERM"
    assert DRAIN_SECONDS + CLOSE_SECONDS < LEAVE_SECONDS < 10 <= float(unit("TimeoutStopSec")) - 5
    assert unit("Restart") == "on-failure"
    assert unit("RestartForceExitStatus") == "SIGHUP"
    assert program == "/opt/visionsvakt/bin/visionsvakt"
    assert file == "/etc/visionsvakt/visionsvakt.toml"


def test_the_store_is_in_the_one_folder_that_may_be_written() -> None:
    name, _, url = unit("Environment").partition("=")
    folder = f"/var/lib/{unit('StateDirectory')}"
    assert name == "VISIONSVAKT_DATABASE_URL"
    assert url.startswith(f"sqlite:///{folder}/")
    assert unit("WorkingDirectory") == folder
    assert unit("ProtectSystem") == "strict"
    assert unit("NoNewPrivileges") == "yes"


def test_a_command_by_hand_is_run_as_the_worker_is() -> None:
    program, _, file, _ = unit("ExecStart").split()
    secrets = unit("EnvironmentFile").removeprefix("-")
    _, _, url = unit("Environment").partition("=")
    for line in (
        f"program={program}",
        f"export VISIONSVAKT_CONFIG={file}",
        f"secrets={secrets}",
        f"export VISIONSVAKT_DATABASE_URL={url}",
        f'exec runuser -u {unit("User")} -- "$program" "$@"',
    ):
        assert line in SCRIPT.splitlines(), line


def test_the_handbook_installs_what_the_unit_wants() -> None:
    program, _, file, _ = unit("ExecStart").split()
    user, folder = unit("User"), unit("WorkingDirectory")
    for part in (
        f"$ {program} init {file}",
        f"--home-dir {folder} --shell /usr/sbin/nologin {user}",
        f"$ install -d -o {user} -g {user} -m 750 {folder}",
        f"$ install -m 600 /dev/null {unit('EnvironmentFile').removeprefix('-')}",
        f"pip install --require-hashes -r {ROOT.joinpath('requirements.lock').name}",
    ):
        assert part in HANDBOOK, part


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
def test_systemd_finds_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    program = unit("ExecStart").split()[0]
    copy = tmp_path / "visionsvakt.service"
    copy.write_text(UNIT.replace(program, sys.executable), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "visionsvakt" in line] == []
