"""What is shipped runs by itself: the wheel, unpacked elsewhere, with everything it reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.test_floors import MODULES, imports

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network and unpacked into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("visionsvakt-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Python without this checkout: our modules come from the wheel, the rest from the venv."""
    guard = (
        "import sys, pathlib;"
        f"sys.path[:] = [{str(installed)!r}, *(p for p in sys.path if p and"
        f" pathlib.Path(p).resolve() != pathlib.Path({str(ROOT)!r}))];"
    )
    environment: Mapping[str, str] = {
        key: value for key, value in os.environ.items() if key != "PYTHONPATH"
    }
    return subprocess.run(
        [sys.executable, "-P", "-c", guard + code],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_is_imported_is_declared_and_so_comes_along() -> None:
    declared = {
        re.split(r"[\[<>=; ]", one)[0].lower().replace("_", "-")
        for one in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    } | {"backports-zstd", "psycopg"}
    providers = packages_distributions()
    ours = {name.partition(".")[0] for name in MODULES}
    for name, tree in MODULES.items():
        for imported in imports(tree):
            top = imported.partition(".")[0]
            if top not in sys.stdlib_module_names | ours | {"compression"}:
                found = {one.lower().replace("_", "-").replace(".", "-") for one in providers[top]}
                assert found & {one.replace(".", "-") for one in declared}, f"{name}: {top}"


def test_everything_that_is_no_python_is_in_the_wheel_too(installed: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    rooms = {path.name for path in installed.iterdir() if path.is_dir()}
    wanted = {name for name in listed if name.partition("/")[0] in rooms and "/" in name}
    if not wanted:
        pytest.skip("no git here to say what belongs to the project")
    assert {name for name in wanted if not (installed / name).exists()} == set()


def test_nothing_that_is_not_shipped_is_in_the_wheel(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}
    assert not names & {"tests", "benchmarks", "docs", "ops", "conftest.py"}


def test_the_command_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = (
        "from importlib.metadata import entry_points;"
        "(script,) = entry_points(group='console_scripts', name='visionsvakt');"
        "main = script.load(); import cli; print(cli.__file__, file=sys.stderr);"
        "sys.exit(main(['init']))"
    )
    done = run(installed, code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stderr
    assert (tmp_path / "visionsvakt.toml").exists()


def test_the_store_and_the_languages_come_along(installed: Path, tmp_path: Path) -> None:
    code = (
        "from snapshots.database import open_database;"
        f"open_database('sqlite:///{tmp_path}/a.db').close();"
        "from presentation.language import language; language('sv'); language('en');"
        "import snapshots; print(snapshots.__file__)"
    )
    done = run(installed, code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stdout
    assert (tmp_path / "a.db").exists()
