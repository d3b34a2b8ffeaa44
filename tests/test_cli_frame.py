"""Whatever goes wrong on the command line is one line; what comes out with --json is JSON alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command, get_group

import settings
from cli.frame import locate
from cli.init import template
from cli.program import COMMANDS, application
from tests.support.program import FIRST, Home, config
from tests.support.program import page as watched
from tests.support.web import Asked, Served, Site

ROOT = Path(__file__).parents[1]


def visionsvakt(
    *words: str, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The program as its users run it: a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        ([], "--help"),
        (["extrat"], "menade du «extract»?"),
        (["init", "--ulr", "x"], "--ulr"),
        (["init", "a", "b"], "för många argument: b"),
        (["--config"], "--config behöver ett värde"),
        (["diff", "one"], "saknas"),
        (["init", "/nowhere/at/all.toml"], "/nowhere/at/all.toml"),
    ],
)
def test_wrong_usage_is_one_line_on_standard_error(words: list[str], mend: str) -> None:
    done = visionsvakt(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert mend in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_names_every_command_in_one_line_each() -> None:
    done = visionsvakt("--help")
    assert done.returncode == 0
    for entry in COMMANDS:
        assert re.search(rf"^  {entry.name} +\S", done.stdout, re.M), entry.name
    assert "Usage" not in done.stdout


def test_every_command_of_a_family_is_listed_and_every_listed_command_is_there() -> None:
    listed: dict[str, set[str]] = {}
    for entry in COMMANDS:
        listed.setdefault(entry.module, set()).add(entry.name)
    for file in (ROOT / "cli").glob("*.py"):
        if "\napp = Family(" in file.read_text(encoding="utf-8"):
            name = f"cli.{file.stem}"
            found = get_group(import_module(name).app).commands
            # A word without commands under it yet is no command.
            real = {word for word, command in found.items() if getattr(command, "commands", True)}
            assert real == listed.get(name, set()), name


def test_no_parameter_of_any_command_needs_typers_own_coercion() -> None:
    """The image leaves pydantic out; see ops/slim.sh."""

    def walk(command: Any, context: Any) -> Iterator[Any]:
        yield from command.get_params(context)
        for name in getattr(command, "list_commands", lambda _: [])(context):
            inner = command.get_command(context, name)
            yield from walk(inner, inner.context_class(inner, info_name=name, parent=context))

    top = get_command(application)
    for param in walk(top, top.context_class(top, info_name="visionsvakt")):
        assert type(param._runtime_param).__module__ == "cli.frame", param.name


def imported(words: list[str], among: str, cwd: Path = ROOT) -> tuple[int, str]:
    """Which of these modules a command leaves imported, as a process of its own says it."""
    code = (
        f"import sys; from cli import main; main({words!r});"
        f"sys.exit(', '.join(sorted(set('{among}'.split()) & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.strip()


HEAVY = "alembic pydantic jinja2 rich apscheduler deepdiff structlog cryptography prometheus_client"


def test_the_option_wins_over_the_variable_and_the_variable_over_the_folder() -> None:
    assert locate(Path("a.toml"), {"VISIONSVAKT_CONFIG": "b.toml"}) == Path("a.toml")
    assert locate(None, {"VISIONSVAKT_CONFIG": "b.toml"}) == Path("b.toml")
    assert locate(None, {}) == Path("visionsvakt.toml")


def test_help_imports_nothing_heavy() -> None:
    heavy = f"{HEAVY} httpx sqlalchemy selectolax asyncio settings"
    assert imported(["--help"], heavy) == (0, "")


def test_a_look_that_finds_nothing_imports_nothing_that_tells_renders_or_migrates(
    tmp_path: Path,
) -> None:
    def serve(asked: Asked) -> Served:
        return Served(FIRST.html) if asked.path == "/p" else Served(b"", 404)

    with Site(serve) as site:
        home = Home(tmp_path, config(watched("granvik", site.url("/p"))))
        assert home.json("check")["checks"][0]["outcome"] == "first"
        ours = "scheduler snapshots.history pipeline.announce pipeline.form pipeline.upkeep"
        heavy = f"{HEAVY} {ours} notifications.render notifications.view worker.lease"
        assert imported(["check"], heavy, tmp_path) == (0, "")


def test_a_question_to_the_store_imports_nothing_that_looks_or_tells(tmp_path: Path) -> None:
    home = Home(tmp_path, config(watched("granvik", "https://www.granvik.example/p")))
    assert home.json("changes") == {"changes": []}
    ours = "scheduler worker pipeline.check pipeline.announce pipeline.upkeep monitor.transport"
    assert imported(["changes"], f"{HEAVY} {ours} httpx", tmp_path) == (0, "")


def test_an_unexpected_error_is_one_line_too_and_a_traceback_on_request(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import cli.program as m\nm.COMMANDS += (m.Entry('sink', 'no_such_module', ''),)\n"
    )
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    done = visionsvakt("sink", cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "VISIONSVAKT_DEBUG=1" in done.stderr
    assert (
        "Traceback"
        in visionsvakt("sink", cwd=tmp_path, PYTHONPATH=path, VISIONSVAKT_DEBUG="1").stderr
    )


def test_a_reader_that_leaves_gets_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "--help"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(timeout=30)


def test_init_writes_a_configuration_that_watches_four_pages(tmp_path: Path) -> None:
    done = visionsvakt("init", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = settings.load(tmp_path / "visionsvakt.toml", {})
    assert len(found.pages) == 4
    assert {page.profile.name for page in found.pages} == {"boras"}
    assert found.subscriptions == ()


def test_init_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "min.toml").write_text("mitt")
    done = visionsvakt("init", "min.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "min.toml: filen finns redan" in done.stderr
    assert (tmp_path / "min.toml").read_text() == "mitt"


def test_what_the_configuration_shows_as_a_comment_is_right_and_complete(tmp_path: Path) -> None:
    whole = re.sub(r"^#(?=\S)", "", template(), flags=re.M)
    whole = re.sub(r"^#(?=  \{)", "", whole, flags=re.M)
    whole = re.sub(r'^url = "postgresql.*$', "", whole, flags=re.M)
    file = tmp_path / "whole.toml"
    file.write_text(whole, encoding="utf-8")
    found = settings.load(file, {})
    assert len(found.subscriptions) == 4
    shown = set(re.findall(r"^#?(\w+) = ", template(), re.M)) | {"heading", "status", "cron"}
    assert {key for table, keys in settings.KEYS.items() if table for key in keys} <= shown
